"""Manifest: the declaration of a feature set that is uploaded in parts, and the check of its bytes as they arrive."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.results.selection import check_labels
from predictor.store.arrays import fingerprint, fingerprint_head, not_finite
from predictor.store.keys import check_name, pushed_key

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_LAYER = 64
_MAX = (1 << 63) - 1


@dataclass(frozen=True)
class Manifest:
    """One feature set that is to be uploaded; equal manifests are the same upload.

    Attributes:
        name: the name that it is stored under.
        shape: (n,) or (n, d).
        dtype: float of 16 to 64 bits or integer; bytes travel little-endian.
        fingerprint: `predictor.store.arrays.fingerprint` of the array.
        rows_sha256: `predictor.store.arrays.rows_digest` of the pool, or None where unknown.
        layer: as resolved, or None where the features were simply given.
        parameters: number of weights of the model, or None where unknown.
        depth: share of the model's blocks below the layer, 0 to 1, or None where unknown.
        labels: for filters of lists.

    Raises:
        InputError: a part is malformed.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fingerprint: str
    rows_sha256: str | None = None
    layer: str | None = None
    parameters: int | None = None
    depth: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_labels(self.labels)
        if self.dtype.kind not in "fiu" or self.dtype.itemsize > 8:
            raise InputError(
                f"{self.name!r} has dtype {self.dtype}; features must be float or integer of at most 64 bits.",
                reason="ARRAY_DTYPE",
                field="dtype",
            )
        if not 1 <= len(self.shape) <= 2 or min(self.shape) < 1 or self.size > _MAX:
            raise InputError(
                f"{self.name!r} has shape {self.shape}; features must be (rows,) or (rows, columns), each 1 or more.",
                reason="ARRAY_SHAPE",
                field="shape",
            )
        for name in ("fingerprint", "rows_sha256"):
            text = getattr(self, name)
            if text is not None and not _DIGEST.fullmatch(text):
                raise InputError(
                    f"{name} has {len(text)} characters; it must be a SHA-256 of 64 lower-case hexadecimal digits.",
                    reason="BAD_DIGEST",
                    field=name,
                )
        if self.layer is not None and not (1 <= len(self.layer) <= _MAX_LAYER and self.layer.isprintable()):
            raise InputError(
                f"layer has {len(self.layer)} characters; it must be 1 to {_MAX_LAYER} printable ones.",
                reason="BAD_LAYER",
                field="layer",
            )
        if self.parameters is not None and self.parameters < 0:
            raise InputError(
                f"parameters is {self.parameters}; it must be 0 or more.", reason="BAD_PARAMETERS", field="parameters"
            )
        if self.depth is not None and not 0.0 <= self.depth <= 1.0:
            raise InputError(
                f"depth is {self.depth:g}; it must be from 0 (embeddings) to 1 (the last block).",
                reason="BAD_DEPTH",
                field="depth",
            )

    @classmethod
    def of(
        cls,
        name: str,
        values: NDArray[Any],
        *,
        rows_sha256: str | None = None,
        layer: str | None = None,
        parameters: int | None = None,
        depth: float | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Manifest:
        """The manifest of an array, which is read once for its fingerprint.

        Raises:
            InputError: a bad name, an object array, another shape, bad labels.
        """
        shape = tuple(int(size) for size in values.shape)
        dtype = values.dtype.newbyteorder("<")
        draft = cls(name, shape, dtype, "0" * 64, rows_sha256, layer, parameters, depth, dict(labels or {}))
        return replace(draft, fingerprint=fingerprint(values))

    @property
    def size(self) -> int:
        """Bytes of the array, in whole numbers that never overflow."""
        return math.prod(self.shape) * int(self.dtype.itemsize)

    @property
    def rows(self) -> int:
        """Rows."""
        return self.shape[0]

    @property
    def dim(self) -> int:
        """Columns; a vector has one."""
        return self.shape[1] if len(self.shape) == 2 else 1

    @property
    def about(self) -> dict[str, object]:
        """What is stored beside the values."""
        known = {"layer": self.layer, "parameters": self.parameters, "depth": self.depth}
        return {name: value for name, value in known.items() if value is not None}

    @property
    def key(self) -> str:
        """The key under which a feature store stores this set."""
        return pushed_key(self.fingerprint, self.rows_sha256, self.about)


class Scan:
    """Fingerprint and finiteness of an array whose bytes come one after another.

    Attributes:
        received: bytes so far.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._digest = hashlib.sha256(fingerprint_head(manifest.dtype, manifest.shape))
        self._rest = b""
        self.received = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere.

        Raises:
            InputError: a value is not finite in 32 bits.
        """
        self._digest.update(data)
        if self._manifest.dtype.kind == "f":
            self._check(data)
        self.received += len(data)

    @property
    def fingerprint(self) -> str:
        """SHA-256 hex of what came so far, as `predictor.store.arrays.fingerprint`."""
        return self._digest.hexdigest()

    def _check(self, data: bytes) -> None:
        dtype = self._manifest.dtype
        first = (self.received - len(self._rest)) // dtype.itemsize
        joined = self._rest + data if self._rest else data
        whole = len(joined) - len(joined) % dtype.itemsize
        self._rest = joined[whole:]
        values = np.frombuffer(joined, dtype, whole // dtype.itemsize)
        with np.errstate(over="ignore"):
            sound = np.isfinite(values.astype(np.float32, copy=False))
        if not sound.all():
            bad = int(np.argmin(sound))
            row, column = divmod(first + bad, self._manifest.dim)
            raise not_finite(self._manifest.name, values[bad], row, column)
