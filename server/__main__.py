"""Starts a server with the configuration of the environment: `python -m server`."""

import sys

from predictor.errors import W2SError
from server.app import serve
from server.config import Config


def main() -> int:
    """Serve until asked to stop; returns the exit code."""
    try:
        serve(Config.read())
    except W2SError as fault:
        sys.stderr.write(f"{fault.message}\n")
        return fault.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
