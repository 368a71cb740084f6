"""One server for every test that leaves it as it was; a fresh one, or a fresh job store, for those that hurt it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client import PredictorClient
from server.config import Limits
from server.durable.database import Database
from server.durable.jobs import JobTable
from tests.service.paths import corpus, lay_out
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


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """The file of a job store, open and empty."""
    opened = Database(tmp_path / "jobs.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def table(database: Database) -> JobTable:
    return JobTable(database, Limits())


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A furnished root with one good array, beside a secret."""
    return lay_out(tmp_path_factory.mktemp("paths"))


@pytest.fixture(scope="session")
def names(root: Path) -> list[str]:
    """Every name of the path corpus."""
    return corpus(root)
