"""WheelSize: bytes that pip would download for a wheel, asked of the registry without downloading it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from predictor.models.missing_files import MissingFile
from predictor.models.unpack_bounds import max_bytes
from predictor.models.wheels import FOREIGN_PYTHONS, Requirement, check_online, limited_pip, no_wheel

_TIMEOUT_SECONDS = 30
"""Of registries without metadata of their own pip reads the end of the wheel; of servers that cannot send that, all."""

_NONE_FITS = "No matching distribution"


def missing_wheel(requirement: Requirement) -> MissingFile:
    """The wheel that `fetch_wheel` would download now; its bytes are None where the registry does not say.

    Raises:
        UnavailableError: W2S_OFFLINE is set, or no registry is within reach.
        NotFoundError: no such package, version or wheel.
    """
    check_online(requirement)
    complaints = []
    with tempfile.TemporaryDirectory(prefix="w2s-size-") as folder:
        for variant in ([], *(["--python-version", version] for version in FOREIGN_PYTHONS)):
            done = _report(requirement, folder, variant)
            if done is None or _NONE_FITS not in done.stderr:
                return MissingFile(str(requirement), _size(_address(done)))
            complaints.append(done.stderr)
    raise no_wheel(requirement, complaints[0])


def _report(requirement: Requirement, folder: str, variant: list[str]) -> subprocess.CompletedProcess[str] | None:
    """What pip would install; None where it takes too long."""
    command = limited_pip(max_bytes(), "install")
    command += ["--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:", "--use-feature=fast-deps"]
    command += ["--quiet", "--disable-pip-version-check", "--target", folder, "--report", "-", *variant]
    try:
        return subprocess.run(
            [*command, str(requirement)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None


def _address(done: subprocess.CompletedProcess[str] | None) -> str | None:
    """Of the wheel that pip chose; None where it cannot say."""
    if done is None or done.returncode != 0:
        return None
    installs: list[Any] = json.loads(done.stdout)["install"]
    return str(installs[0]["download_info"]["url"]) if installs else None


def _size(address: str | None) -> int | None:
    """Of a file on this machine or a web server; None where that does not say."""
    if address is None:
        return None
    parts = urlsplit(address)
    try:
        if parts.scheme == "file":
            return Path(unquote(parts.path)).stat().st_size
        with urlopen(Request(address, method="HEAD"), timeout=_TIMEOUT_SECONDS) as answer:
            return int(answer.headers["Content-Length"])
    except (URLError, OSError, TypeError, ValueError):
        return None
