"""Makes, lists and revokes bearer tokens: `python -m server.token`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from predictor import folders
from predictor.errors import InputError, W2SError
from server.access.caller import SCOPES
from server.access.tokens import TokenFile

MAX_DAYS = 3660


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. A new token is the only line on stdout, and is shown this once."""
    parser = argparse.ArgumentParser(prog="python -m server.token", description="Tokens of a w2s server.")
    parser.add_argument("--file", type=Path, metavar="FILE", help="token file (W2S_TOKENS, or tokens in W2S_STATE_DIR)")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="make a token and print it, this once")
    add.add_argument("tenant", help="whose jobs and features its holder sees")
    add.add_argument("--scope", action="append", choices=SCOPES, help="repeatable; all but admin if not given")
    add.add_argument("--days", type=float, default=90.0, help="time until it expires (90)")
    commands.add_parser("ls", help="list ids, tenants, scopes and expiry")
    revoke = commands.add_parser("revoke", help="end a token; open calls end within a second")
    revoke.add_argument("id", help="the 16 digits after w2s_")
    given = parser.parse_args(arguments)
    try:
        _run(given, TokenFile(given.file or default_path()))
    except W2SError as error:
        sys.stderr.write(f"server.token: {error.message}\n")
        return error.exit_code
    return 0


def default_path() -> Path:
    """W2S_TOKENS, or `tokens` in the state folder."""
    named = os.environ.get("W2S_TOKENS", "").strip()
    return Path(named) if named else folders.state_dir() / "tokens"


def _run(given: argparse.Namespace, file: TokenFile) -> None:
    if given.command == "add":
        if not 0 < given.days <= MAX_DAYS:
            raise InputError(
                f"--days is {given.days:g}; it must be above 0 and at most {MAX_DAYS}.", reason="BAD_EXPIRY"
            )
        token = file.add(given.tenant, given.scope or ("read", "submit", "upload"), given.days * 86_400)
        sys.stdout.write(token + "\n")
    elif given.command == "revoke":
        file.revoke(given.id)
    else:
        for record in file.read().values():
            expires = datetime.fromtimestamp(record.expires, UTC).isoformat(timespec="seconds")
            state = "expired" if record.expired(time.time()) else "valid"
            sys.stdout.write(f"{record.id}  {record.tenant}  {','.join(record.scopes)}  {expires}  {state}\n")


if __name__ == "__main__":
    sys.exit(main())
