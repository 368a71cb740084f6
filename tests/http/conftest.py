"""Servers over HTTP that every test of the folder shares."""

from collections.abc import Iterator

import pytest

from server.access.tokens import TokenFile
from tests.http.web import Guarded, Web, serve, web

HOUR = 3600.0
GRANTED = {"alice": ("alice", "admin"), "reader": ("alice", "read"), "bob": ("bob", "admin"), "page": ("page", "admin")}
"""Holder of a token -> its tenant and scope."""


@pytest.fixture(scope="session")
def open_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Without credentials; tests leave it as it was."""
    with serve(tmp_path_factory.mktemp("web")) as running:
        running.job_worker()
        running.predict_worker()
        yield web(running)


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """With tokens, and a worker that is stopped: jobs stay as they are."""
    file = TokenFile(tmp_path_factory.mktemp("tokens") / "tokens")
    tokens = {name: file.add(tenant, [scope], HOUR) for name, (tenant, scope) in GRANTED.items()}
    with serve(tmp_path_factory.mktemp("guarded"), "--tokens", str(file.path)) as running:
        running.freeze_job_worker()
        yield Guarded(web(running), tokens, file)
