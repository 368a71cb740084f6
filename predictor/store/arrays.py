"""Arrays: feature sets that the user brings as numbers. Needs numpy alone (and safetensors for its own files)."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Pooling, Settings
from predictor.query.source import FeatureSet
from predictor.steps import Progress, Steps
from predictor.store.array_files import read_array
from predictor.store.array_layers import array_layers
from predictor.store.facts import facts_of

_CHUNK_ROWS = 4096


def fingerprint(values: NDArray[Any]) -> str:
    """SHA-256 hex over dtype, shape and row-major little-endian bytes."""
    plain = _little(np.asarray(values))
    digest = hashlib.sha256(fingerprint_head(plain.dtype, plain.shape))
    for start in range(0, len(plain), _CHUNK_ROWS):
        digest.update(np.ascontiguousarray(plain[start : start + _CHUNK_ROWS]).data)
    return digest.hexdigest()


def fingerprint_head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """What a fingerprint covers before the array's own bytes: element type and shape as numpy writes them."""
    return f"{dtype.newbyteorder('<').str}{tuple(int(size) for size in shape)}".encode()


def _little(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def check_features(values: NDArray[Any], name: str, rows: int | None = None) -> NDArray[np.float32]:
    """The array as (n, d) float32 features; a vector becomes one column.

    Args:
        values: (n,) or (n, d), float or integer.
        name: what error messages call it.
        rows: the pool's row count, or None where it does not matter.

    Raises:
        InputError: not numeric, not 1-D or 2-D, no column, another row count, or a value that is not finite
            (the first bad row and column are named, counting from 0).
    """
    values = np.asarray(values)
    if values.dtype.kind not in "fiu":
        raise InputError(
            f"{name!r} has dtype {values.dtype}; features must be float or integer.", reason="ARRAY_DTYPE", field=name
        )
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError(
            f"{name!r} has shape {values.shape}; features must be (rows, columns), one row per pool row.",
            reason="ARRAY_SHAPE",
            field=name,
        )
    if rows is not None and len(values) != rows:
        raise InputError(
            f"{name!r} has {len(values)} rows, the pool has {rows}; every model must be read on the same rows.",
            reason="ROWS_DIFFER",
            field=name,
        )
    for start in range(0, len(values), _CHUNK_ROWS):
        block = values[start : start + _CHUNK_ROWS]
        with np.errstate(over="ignore"):
            bad = np.argwhere(~np.isfinite(block.astype(np.float32, copy=False)))
        if len(bad):
            row, column = (int(i) for i in bad[0])
            raise not_finite(name, block[row, column], start + row, column)
    return np.ascontiguousarray(values, dtype=np.float32)


def not_finite(name: str, value: object, row: int, column: int) -> InputError:
    """The error for the first value that no estimator could use; rows and columns count from 0."""
    return InputError(
        f"{name!r} has {value} at row {row}, column {column}; every value must be finite in 32 bits. Fix or drop "
        "that row in every model.",
        reason="NOT_FINITE",
        field=name,
    )


def rows_digest(pool: Pool) -> str:
    """Digest of the texts in order, without their ids; of the ids where there are no texts."""
    return Pool.of(pool.texts).sha256 if pool.texts else pool.sha256


def write_features(path: Path, features: FeatureSet, pool: Pool) -> None:
    """Write one feature set as a `.safetensors` file that `array:` and `w2s features push` read back.

    The metadata have the fingerprint, the layer and the digest of the rows, so that a later ranking over other rows
    is refused instead of being wrong.
    """
    from safetensors.numpy import save

    from predictor.folders import replace_file

    about = {
        "name": features.name,
        "layer": features.layer,
        "fingerprint": features.fingerprint,
        "rows_sha256": rows_digest(pool),
        "parameters": json.dumps(features.parameters),
        "depth": json.dumps(features.depth),
    }
    values = np.ascontiguousarray(features.values, dtype="<f4")
    replace_file(path, [save({"features": values}, metadata=about)])


def check_rows(recorded: str | None, pool: Pool, name: str) -> None:
    """Refuse features that were computed on other texts than the pool's.

    Raises:
        InputError: a digest was recorded, the pool has texts, and they differ.
    """
    if recorded and pool.texts and recorded != rows_digest(pool):
        raise InputError(
            f"{name!r} was computed on other rows than this pool (digest {recorded[:12]}… against "
            f"{rows_digest(pool)[:12]}…); extract it again on this pool.",
            reason="ROWS_DIFFER",
            field=name,
        )


class ArraySource:
    """Feature source for inline values and `array:` files; loads no model and stores nothing."""

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        """See `predictor.query.source.FeatureSource`.

        Raises:
            InputError: a model that must be run, or an array that does not fit.
        """
        started = time.perf_counter()
        yield Progress(spec.name, "load", 0, 1)
        raw, about = self._read(spec, settings)
        check_rows(about.get("rows_sha256"), pool, spec.name)
        layers = array_layers(raw, layers_asked(spec), spec.name, len(pool))
        checked = [check_features(layer.values, layer.name, len(pool)) for layer in layers]
        yield Progress(spec.name, "load", 1, 1)
        seconds = (time.perf_counter() - started) / len(layers)
        return tuple(
            FeatureSet(
                name=layer.name,
                values=values,
                layer="labels" if spec.labels_only else "given",
                fingerprint=fingerprint(layer.values),
                **facts_of(about),
                cached=True,
                seconds=seconds,
            )
            for layer, values in zip(layers, checked, strict=True)
        )

    def _read(self, spec: ModelSpec, settings: Settings) -> tuple[NDArray[Any], dict[str, str]]:
        if spec.values is not None:
            return np.asarray(spec.values), dict(spec.about)
        if not spec.is_array:
            raise InputError(
                f"{spec.reference!r} is a model to run; only arrays can be read here. Give array:FILE.npy, or use "
                "`w2s rank`.",
                reason="ARRAYS_ONLY",
                field=spec.name,
            )
        found = read_array(spec.parsed.locator, token_pooling(spec, settings))
        return found.values, found.about


def layers_asked(spec: ModelSpec) -> str | None:
    """The layers that an array's own reference asks for; a request's default is for models that are run."""
    return spec.layer or (None if spec.values is not None else spec.parsed.layer)


def token_pooling(spec: ModelSpec, settings: Settings) -> Pooling:
    """How tokens of dumped hidden states are pooled: the candidate's own pooling, else the request's."""
    return spec.pooling or spec.parsed.pooling or settings.pooling
