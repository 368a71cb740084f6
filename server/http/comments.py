"""Comments: what the .proto files say of each service, method, message and field, by full name."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import protos.w2s.v1

_OPEN = re.compile(r"^(?:service|message|enum|oneof|rpc) (\w+).*?(\{)?(\})?$")
_FIELD = re.compile(r"^(?:(?:optional|repeated) )?(?:map<[^>]*>|[\w.]+) (\w+) = \d+;|^(\w+) = \d+;")
_FOLDER = Path(next(iter(protos.w2s.v1.__path__)))


@functools.cache
def comments() -> dict[str, str]:
    """Comments by full name, as in `w2s.v1.Job.id`; lines are joined, and examples left out."""
    found: dict[str, str] = {}
    for path in sorted(_FOLDER.glob("*.proto")):
        found |= comments_in(path.read_text(encoding="utf-8"), "w2s.v1")
    return found


def comments_in(source: str, package: str) -> dict[str, str]:
    """Comments of one file as buf formats it: each above what it is about, on lines of its own.

    A oneof is no name of its own: its fields belong to the message around it.
    """
    found: dict[str, str] = {}
    names, said = [package], ""
    for line in map(str.strip, source.splitlines()):
        if line.startswith("//"):
            said += line[2:] + "\n"
            continue
        opened, field = _OPEN.match(line), _FIELD.match(line)
        if opened and line.startswith("oneof"):
            names.append(names[-1])
        elif opened:
            name = f"{names[-1]}.{opened[1]}"
            found[name] = _plain(said)
            if opened[2] and not opened[3]:
                names.append(name)
        elif field:
            found[f"{names[-1]}.{field[1] or field[2]}"] = _plain(said)
        elif line == "}":
            names.pop()
        said = ""
    return found


def _plain(said: str) -> str:
    """In one paragraph, up to an example."""
    return " ".join(said.partition("\n Example ")[0].split())
