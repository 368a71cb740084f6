"""Reasons: the table of every reason that an error may carry, made from the code that raises them."""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from predictor import errors

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path(__file__).with_name("reasons.md")
PACKAGES = ("predictor", "protos", "server", "client")
HEAD = """\
# Reasons

`ErrorInfo.reason` of every error of the service and the Python package, with the status codes that it comes with. Made
by `python -m protos.reasons`. `client` marks reasons that only the Python client or the command line gives. gRPC itself
and proxies give no ErrorInfo; the Python client then takes the name of the status code as the reason.

| reason | status |
|---|---|
"""


def table() -> str:
    """The Markdown table, sorted by reason."""
    found: dict[str, set[str]] = {}
    places: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "_pb2" not in path.name:
                for reason, code in reasons_in(path.read_text(encoding="utf-8")):
                    found.setdefault(reason, set()).add(code)
                    places.setdefault(reason, set()).add(package)
    rows = (
        f"| `{reason}` | {', '.join(sorted(codes))}{' (client)' if places[reason] == {'client'} else ''} |"
        for reason, codes in sorted(found.items())
    )
    return HEAD + "\n".join(rows) + "\n"


def reasons_in(source: str) -> Iterator[tuple[str, str]]:
    """(reason, status code) of every error that a module makes with a literal reason."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        kind = getattr(errors, getattr(node.func, "id", ""), None)
        for keyword in node.keywords:
            if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant):
                code = kind.code if isinstance(kind, type) and issubclass(kind, errors.W2SError) else "any"
                yield str(keyword.value.value), code


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table, or with `--check` return 1 if the committed one differs."""
    parser = argparse.ArgumentParser(prog="python -m protos.reasons", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the committed table differs")
    fresh = table()
    if parser.parse_args(arguments).check:
        if not TABLE.is_file() or TABLE.read_text(encoding="utf-8") != fresh:
            sys.stderr.write("protos/reasons.md differs from the code; run python -m protos.reasons\n")
            return 1
        return 0
    TABLE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
