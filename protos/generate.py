"""Generate: makes the modules beside the .proto files, always with the same old compiler.

Code from grpcio-tools 1.71.2 imports on every later grpcio and on protobuf 5.29 and later; newer compilers refuse
older runtimes. The compiler lives in a throw-away environment, so that nothing here depends on it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

TOOLS = "grpcio-tools==1.71.2"
ROOT = Path(__file__).parent
_GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")
_IMPORT = re.compile(r"^(from |import )(w2s\.v1)\b", re.MULTILINE)


def generate() -> dict[Path, str]:
    """Compile every .proto.

    Returns:
        Path relative to `protos/` -> text of the generated module, imports rewritten to `protos.w2s.v1`.

    Raises:
        subprocess.CalledProcessError: the compiler cannot be installed, or refuses a .proto.
    """
    with tempfile.TemporaryDirectory(prefix="w2s-protos-") as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", TOOLS], check=True)
        out = folder / "out"
        out.mkdir()
        protos = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.proto"))
        flags = [f"--{kind}={out}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
        subprocess.run([python, "-m", "grpc_tools.protoc", f"-I{ROOT}", *flags, *protos], check=True, cwd=ROOT)
        return {
            path.relative_to(out): _IMPORT.sub(r"\1protos.\2", path.read_text(encoding="utf-8"))
            for path in sorted(found for pattern in _GENERATED for found in out.rglob(pattern))
            if not _is_empty_service(path)
        }


def committed() -> dict[Path, str]:
    """The generated modules in the tree."""
    return {
        path.relative_to(ROOT): path.read_text(encoding="utf-8")
        for pattern in _GENERATED
        for path in sorted(ROOT.rglob(pattern))
    }


def drift(fresh: dict[Path, str], present: dict[Path, str]) -> list[Path]:
    """Paths whose committed text is missing, left over or different."""
    return sorted(path for path in fresh.keys() | present.keys() if fresh.get(path) != present.get(path))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the modules, or with `--check` print which of them differ and return 1."""
    parser = argparse.ArgumentParser(prog="python -m protos.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the tree has drifted")
    check = parser.parse_args(arguments).check
    fresh = generate()
    stale = drift(fresh, committed())
    for path in stale:
        if check:
            print(f"protos/{path} differs from its .proto; run python -m protos.generate", file=sys.stderr)
        elif path in fresh:
            (ROOT / path).write_text(fresh[path], encoding="utf-8")
        else:
            (ROOT / path).unlink()
    return 1 if check and stale else 0


def _is_empty_service(path: Path) -> bool:
    """True for the gRPC module of a file without services, which has a version check only."""
    return path.name.endswith("_grpc.py") and "class " not in path.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
