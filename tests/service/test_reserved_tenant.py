"""The rights of this machine's own user: they follow from a server without credentials, never from a name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError, UnauthenticatedError, UnavailableError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.steps import drain
from predictor.store.arrays import ArraySource
from server.access.authentication import Authenticator
from server.access.caller import LOCAL
from server.access.tokens import TokenFile
from server.workforce.model_roots import guarded, roots_of


class Connection:
    """A connection that showed a client certificate."""

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_subject_alternative_name": [LOCAL.encode()]}


def test_token_of_the_reserved_tenant_is_refused(tmp_path: Path):
    """Neither made by the command nor read from a file that was written by hand."""
    file = TokenFile(tmp_path / "tokens")
    with pytest.raises(InputError, match="'local' is reserved"):
        file.add(LOCAL, ["submit"], 60)
    file.add("alice", ["submit"], 60)
    line = json.loads(file.path.read_text()) | {"tenant": LOCAL}
    file.path.write_text(json.dumps(line) + "\n")
    with pytest.raises(UnavailableError):
        file.read()


def test_certificate_of_the_reserved_tenant_is_refused():
    with pytest.raises(UnauthenticatedError):
        Authenticator(None, certificates=True).caller(None, Connection())


def test_jobs_of_the_reserved_tenant_read_no_local_path_on_a_server_with_credentials(tmp_path: Path):
    """Such jobs may be in a database from before the server asked for credentials."""
    np.save(tmp_path / "a.npy", np.ones((9, 3)))
    source = guarded(ArraySource(), roots_of(LOCAL, {}))
    with pytest.raises(NotFoundError, match="does not exist in the folders that this server reads models from"):
        drain(source.features(ModelSpec("a", f"array:{tmp_path / 'a.npy'}"), Pool.numbered(9), Settings()))
