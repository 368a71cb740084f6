"""A server over HTTP that every test of the folder shares."""

from collections.abc import Iterator

import pytest

from tests.http.web import Web, serve, web


@pytest.fixture(scope="session")
def open_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Without credentials; tests leave it as it was."""
    with serve(tmp_path_factory.mktemp("web")) as running:
        running.job_worker()
        running.predict_worker()
        yield web(running)
