"""PeerLimit: which connections of a peer are shut. Real sockets, in this process."""

import contextlib
import os
import socket

import pytest

from server.access.peers import PeerLimit


@pytest.fixture
def accepted():
    """A function that opens one more connection and returns its two ends, and the port."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listener.getsockname()[1]

        def connect():
            near = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            return near, stack.enter_context(listener.accept()[0])

        yield connect, port


def ended(near):
    near.settimeout(0.2)
    try:
        return near.recv(1) == b""
    except TimeoutError:
        return False


def test_first_ones_stay(accepted):
    connect, port = accepted
    limit = PeerLimit(port, bound=2, descriptors=1024)
    held = [connect() for _ in range(3)]
    assert limit.shut_surplus() == 1
    assert [ended(near) for near, _ in held] == [False, False, True]


def test_lower_descriptor_does_not_make_earlier(accepted):
    """A connection seen at an earlier look is not shut for a later one whose descriptor is lower."""
    connect, port = accepted
    limit = PeerLimit(port, bound=1, descriptors=1024)
    room = [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]
    early = connect()
    assert limit.shut_surplus() == 0
    for number in room:
        os.close(number)
    late = connect()
    assert late[1].fileno() < early[1].fileno()
    assert limit.shut_surplus() == 1
    assert [ended(near) for near, _ in (early, late)] == [False, True]
