"""One server for every test that leaves it as it was; a fresh one for those that hurt it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client import PredictorClient
from tests.service.running import RunningServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        running.job_worker()
        running.predict_worker()
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[PredictorClient]:
    with server.client() as connected:
        yield connected


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Starts servers on one state folder; whatever runs at the end is killed."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(RunningServer(tmp_path, *arguments, **options))
