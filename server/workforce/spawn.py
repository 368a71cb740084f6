"""Spawn: what a worker process is started with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import server
from predictor.models.unpack_bounds import MAX_BYTES
from server.config import Limits
from server.workforce.model_roots import LOCAL_USER, ROOTS
from server.workforce.model_sources import SOURCES
from server.workforce.worker_plan import Share, plan_slots

PARENT = "W2S_WORKER_PARENT"
"""Process id of the server, for a worker that starts after its server has ended."""

STORE_BYTES = "W2S_WORKER_STORE_BYTES"
"""What models may give for one tenant, before the longest unread of it is deleted."""

DATA_BYTES = "W2S_WORKER_DATA_BYTES"
BEAT_SECONDS = "W2S_WORKER_BEAT_SECONDS"
MAX_CANDIDATES = "W2S_WORKER_MAX_CANDIDATES"
STATE = "W2S_WORKER_STATE"
"""The server's state folder, for the parts that requests refer to and the outcomes that fits rest on."""

SHOW_STDERR = "W2S_WORKER_STDERR"
"""Set to 1, the worker's stderr, which may name files and rows, goes to the server's; otherwise nowhere."""

_PASSED_ON = (
    "PATH", "HOME", "USER", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "HF_HOME",
    "HF_HUB_CACHE", "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
    "PIP_CONFIG_FILE", "PIP_CACHE_DIR", "PIP_CERT", "PIP_NO_INDEX", "W2S_CACHE_DIR", "W2S_STATE_DIR", "W2S_OFFLINE",
    ROOTS, SOURCES, LOCAL_USER, STATE,
)  # fmt: skip
_PASSED_ON_WITHOUT_PASSWORD = (
    "HF_ENDPOINT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
    "https_proxy", "no_proxy",
)  # fmt: skip
"""Left out where an address contains `@`, which may follow a password: pip reads those of its configuration."""

# The variables of BLAS choose its kernels, and other kernels round otherwise: answers must not depend on where they
# were computed.
_PASSED_ON_PREFIXES = ("LC_", "OPENBLAS_", "MKL_", "OMP_", "NPY_")
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_SHARED_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def worker_environment(
    limits: Limits, environment: Mapping[str, str] = os.environ, share: Share | None = None
) -> dict[str, str]:
    """The variables of a worker: few, without secrets, and with its threads pinned; the hub only where it is a source.

    Models run on the threads of its share; the linear algebra of the maths on one thread, since several of them run
    several times slower on a busy machine, and add in another order.

    Args:
        limits: of the server.
        environment: variables of the server.
        share: what the worker may take; that of the first of `workers` where None.
    """
    share = share or plan_slots(limits, ())[0]
    passed_on = {name: value for name, value in environment.items() if _is_passed_on(name, value)}
    root = str(Path(server.__file__).parent.parent)
    if share.device is not None:
        passed_on["CUDA_VISIBLE_DEVICES"] = share.device
    offline = "0" if any(one.startswith("hub:") for one in environment.get(SOURCES, "").split()) else "1"
    return passed_on | {
        "PYTHONPATH": os.pathsep.join(part for part in (root, passed_on.get("PYTHONPATH", "")) if part),
        "HF_HUB_OFFLINE": offline,
        "TRANSFORMERS_OFFLINE": offline,
        "TOKENIZERS_PARALLELISM": "false",
        MAX_BYTES: str(limits.max_unpacked_bytes),
        PARENT: str(os.getpid()),
        STORE_BYTES: str(limits.tenant_disk_bytes),
        DATA_BYTES: str(share.data_bytes),
        MAX_CANDIDATES: str(limits.max_candidates),
        BEAT_SECONDS: str(min(1.0, limits.worker_silence_seconds / 4)),
        **dict.fromkeys(_ONE_THREAD, "1"),
        **dict.fromkeys(_SHARED_THREADS, str(share.threads)),
    }


def _is_passed_on(name: str, value: str) -> bool:
    if name in _PASSED_ON_WITHOUT_PASSWORD:
        return "@" not in value
    return name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
