"""Starts a server: `python -m server`, which is what `w2s serve` becomes."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path

from predictor.errors import W2SError
from server.app import serve
from server.config import Config, Limits

EPILOG = """\
W2S_ADDRESS, W2S_STATE_DIR and W2S_LIMIT_<NAME> mean the same where a flag is not given. Jobs survive a restart.
SIGTERM stops the server: running jobs get a few seconds, the others wait for the next start.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until asked to stop; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="w2s serve",
        description="Rank weak supervisors for callers on this machine.",
        epilog=f"{EPILOG}\nlimits:\n{inspect.getdoc(Limits)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="loopback address, or unix:/path (127.0.0.1:50051)")
    parser.add_argument("--state-dir", metavar="DIR", type=Path, help="folder of the jobs (~/.local/state/w2s)")
    parser.add_argument("--limit", metavar="NAME=VALUE", action="append", default=[], help="set one limit; repeatable")
    given = parser.parse_args(arguments)
    try:
        chosen = dict(pair.partition("=")[::2] for pair in given.limit)
        serve(Config.read(address=given.address, state_dir=given.state_dir, limits=chosen))
    except W2SError as fault:
        sys.stderr.write(f"w2s serve: {fault.message}\n")
        return fault.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
