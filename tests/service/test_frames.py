"""Frames survive any cut: the other side is told where the stream broke."""

import asyncio
import io

import pytest

from server.workforce import frames


def read_all(raw: bytes):
    pipe, found = io.BytesIO(raw), []
    while (frame := frames.read(pipe)) is not None:
        found.append(frame)
    return found


async def read_all_async(raw: bytes):
    pipe, found = asyncio.StreamReader(), []
    pipe.feed_data(raw)
    pipe.feed_eof()
    while (frame := await frames.read_async(pipe)) is not None:
        found.append(frame)
    return found


READERS = {"blocking": read_all, "async": lambda raw: asyncio.run(read_all_async(raw))}
SENT = [("query", b"one"), ("progress", b""), ("result", bytes(range(256)) * 300)]
RAW = b"".join(frames.pack(tag, body) for tag, body in SENT)


@pytest.mark.parametrize("reader", READERS)
def test_frames_come_back_in_order(reader):
    assert READERS[reader](RAW) == SENT


@pytest.mark.parametrize("reader", READERS)
def test_a_stream_cut_inside_a_frame_is_noticed_at_every_length(reader):
    whole = frames.pack("error", b"four")
    assert READERS[reader](b"") == []
    for length in range(1, len(whole)):
        with pytest.raises(frames.FrameError, match="the pipe ended in the middle of a frame"):
            READERS[reader](whole[:length])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x00\x00\x00\x00", "a frame of 0 bytes"),
        (b"\xff\xff\xff\xff", "a frame of 4294967295 bytes"),
        (b"\x00\x00\x00\x01\x63", "unknown frame tag 99"),
    ],
)
def test_what_is_no_frame_is_refused(reader, raw, text):
    with pytest.raises(frames.FrameError, match=text):
        READERS[reader](raw)
