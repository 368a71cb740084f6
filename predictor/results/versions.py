"""Versions of what made an answer, without importing any of it."""

from __future__ import annotations

import functools
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """Installed version of every package that can move a number; absent ones are left out."""
    return dict(_installed())


@functools.cache
def _installed() -> dict[str, str]:
    """Read once a process: that takes several milliseconds."""
    found = {}
    for package in ("w2s-predictor", "numpy", "torch", "transformers", "onnxruntime"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
