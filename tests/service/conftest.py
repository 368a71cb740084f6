"""Servers, a fresh job store, and the names that must lead nowhere."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.config import Limits
from server.durable.database import Database
from server.durable.jobs import JobTable
from tests.service.paths import corpus, lay_out
from tests.service.servers import client, server, start  # noqa: F401  # fixtures


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """The file of a job store, open and empty."""
    opened = Database(tmp_path / "jobs.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def table(database: Database) -> JobTable:
    return JobTable(database, Limits())


@pytest.fixture
def refusal() -> type[Exception]:
    """What the database raises where its schema refuses a change."""
    return sqlite3.IntegrityError


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A furnished root with one good array, beside a secret."""
    return lay_out(tmp_path_factory.mktemp("paths"))


@pytest.fixture(scope="session")
def names(root: Path) -> list[str]:
    """Every name of the path corpus."""
    return corpus(root)
