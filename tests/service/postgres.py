"""PostgresServer: a real PostgreSQL of its own, for tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_OWNER = "postgres"
"""PostgreSQL refuses to run as root."""


def _program(name: str) -> str | None:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(places[0]) if places else None)


needs_postgres = pytest.mark.skipif(
    _program("initdb") is None or _program("pg_ctl") is None, reason="no PostgreSQL server is installed here"
)


class PostgresServer:
    """Listens on a unix socket in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="w2s-pg-"))
        self._data = self.folder / "data"
        if os.getuid() == 0:
            shutil.chown(self.folder, _OWNER)
        self._run("initdb", "-D", str(self._data), "-U", "w2s", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-w", "-o", options, "start")

    def stop(self, how: str = "immediate") -> None:
        """`immediate` as a power cut would."""
        self._run("pg_ctl", "-D", str(self._data), "-m", how, "-w", "stop")

    def fresh(self, name: str) -> str:
        """URL of a new, empty database."""
        self.ask("postgres", f"CREATE DATABASE {name}")
        return f"postgresql:///{name}?host={self.folder}&user=w2s"

    def ask(self, database: str, sql: str) -> None:
        import psycopg

        with psycopg.connect(f"postgresql:///{database}?host={self.folder}&user=w2s", autocommit=True) as connection:
            connection.execute(sql)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        program = _program(name)
        assert program is not None
        owner = {"user": _OWNER} if os.getuid() == 0 else {}
        subprocess.run(
            [program, *arguments],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
            **owner,
        )
