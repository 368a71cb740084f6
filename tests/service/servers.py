"""Servers: fixtures of running ones, for every folder whose tests call a server; its `conftest.py` imports them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client import PredictorClient
from tests.service.running import RunningServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for every test of the folder that leaves it as it was."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        running.job_worker()
        running.predict_worker()
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[PredictorClient]:
    """A client of that server."""
    with server.client() as connected:
        yield connected


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Starts servers on one state folder, for tests that hurt them; whatever runs at the end is killed."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(RunningServer(tmp_path, *arguments, **options))
