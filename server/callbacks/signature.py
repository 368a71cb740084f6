"""Signature: proof that a callback is this server's, and not old, in the form of standardwebhooks.com.

`python -m server.callbacks.signature TENANT [--state-dir DIR]` prints the secret that a tenant's receivers check with.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from predictor.folders import replace_file, state_dir

KEY_FILE = "callbacks.key"
_BYTES = 32


def read_key(state: Path) -> bytes:
    """The key of a state folder, made by whoever asks first; servers that share the folder share it.

    Raises:
        LimitError, UnavailableError: it cannot be written.
    """
    path = state / KEY_FILE
    if not path.exists():
        fresh = state / f".{KEY_FILE}.{secrets.token_hex(4)}"
        replace_file(fresh, [secrets.token_bytes(_BYTES)])
        fresh.chmod(0o600)
        with contextlib.suppress(FileExistsError):  # another server was faster, and its key holds
            os.link(fresh, path)
        fresh.unlink()
    return path.read_bytes()


def secret_of(key: bytes, tenant: str) -> bytes:
    """The secret of one tenant, which says nothing of those of others."""
    return hmac.digest(key, f"callbacks:{tenant}".encode(), hashlib.sha256)


def headers(secret: bytes, name: str, moment: int, body: bytes) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature` of a body, sent at a moment in seconds since 1970."""
    signed = hmac.digest(secret, f"{name}.{moment}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(moment),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a tenant's secret."""
    parser = argparse.ArgumentParser(prog="python -m server.callbacks.signature", description=__doc__)
    parser.add_argument("tenant", help="as tokens and certificates name it; local for a server without credentials")
    parser.add_argument("--state-dir", metavar="DIR", type=Path, default=None, help="of the server")
    given = parser.parse_args(arguments)
    secret = secret_of(read_key(given.state_dir or state_dir()), given.tenant)
    sys.stdout.write(f"whsec_{base64.b64encode(secret).decode()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
