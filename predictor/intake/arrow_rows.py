"""Arrow rows: parquet and Arrow files, and folders that `datasets` saved."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from predictor.errors import InputError, NotFoundError

Columns = tuple[tuple[str, ...], tuple[str, ...], Callable[[str], Sequence[object]]]
"""Column names, places of the rows, and the values of a column."""

_SHARD = re.compile(r"(?P<split>.+)-\d{5}-of-\d{5}\.(?:parquet|arrow)")


def read_arrow(raw: bytes, name: str) -> Columns:
    """A parquet file, or an Arrow file or stream. A column is brought to Python only where it is asked for.

    Raises:
        InputError: pyarrow is not installed, or the file is damaged.
    """
    return arrow_columns(_table(raw, name), name)


def read_arrow_folder(name: str) -> Columns:
    """A folder of `Dataset.save_to_disk`, or one with the shards of one split.

    Raises:
        NotFoundError: another folder; one with several splits names them.
        InputError: a damaged file.
    """
    folder = Path(name)
    splits = _json(folder / "dataset_dict.json").get("splits", [])
    if splits:
        if len(splits) == 1:
            return read_arrow_folder(str(folder / splits[0]))
        raise NotFoundError(
            f"{name} has the splits {', '.join(splits)}; name one: {folder / splits[0]}.", reason="FILE_NOT_FOUND"
        )
    state = _json(folder / "state.json")
    files = [folder / Path(one["filename"]).name for one in state.get("_data_files", [])]
    if not files:
        shards = [(found["split"], one) for one in sorted(folder.glob("*")) if (found := _SHARD.fullmatch(one.name))]
        if len({split for split, _ in shards}) > 1:
            raise NotFoundError(
                f"{name} has the splits {', '.join(sorted({split for split, _ in shards}))}; give a folder or a file "
                "of one of them.",
                reason="FILE_NOT_FOUND",
            )
        files = [one for _, one in shards]
    if not files:
        raise NotFoundError(
            f"{name} is a folder; name a file of rows in it, or a folder that Dataset.save_to_disk wrote.",
            reason="FILE_NOT_FOUND",
        )
    import_arrow(name)
    import pyarrow

    table = pyarrow.concat_tables([_table(_bytes(one), str(one)) for one in files])
    indices = [folder / Path(one["filename"]).name for one in state.get("_indices_data_files") or []]
    if indices:
        order = pyarrow.concat_tables([_table(_bytes(one), str(one)) for one in indices])
        table = table.take(order.column(0))
    return arrow_columns(table, name)


def arrow_columns(table: Any, name: str) -> Columns:
    """The columns of an Arrow table; -1 of a class label is no label, as in `datasets`."""
    import pyarrow

    names = tuple(table.column_names)
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        raise InputError(f"{name}: column {twice!r} occurs twice.", reason="DUPLICATE_COLUMN")
    features = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})

    def read(column: str) -> Sequence[object]:
        try:
            values: list[object] = table.column(column).to_pylist()
        except (pyarrow.ArrowException, ValueError, OverflowError) as error:
            raise InputError(
                f"{name}: column {column!r} cannot be read ({error}); write it as text or numbers.",
                reason="BAD_PARQUET",
            ) from error
        is_class = isinstance(features.get(column), dict) and features[column].get("_type") == "ClassLabel"
        return [None if value == -1 else value for value in values] if is_class else values

    return names, tuple(f"row {number}" for number in range(1, table.num_rows + 1)), read


def import_arrow(name: str) -> None:
    """Load pyarrow.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pyarrow  # loaded for the caller
        import pyarrow.parquet  # noqa: F401  # as above
    except ModuleNotFoundError as error:
        raise InputError(
            f"{name}: reading it needs pyarrow, which is not installed. pip install 'w2s-predictor[models]', or "
            "convert the rows to .jsonl.",
            reason="PYARROW_MISSING",
        ) from error


def _table(raw: bytes, name: str) -> Any:
    import_arrow(name)
    import pyarrow
    import pyarrow.parquet

    try:
        source = pyarrow.BufferReader(raw)
        if raw[:4] == b"PAR1":
            return pyarrow.parquet.read_table(source)
        if raw[:6] == b"ARROW1":
            return pyarrow.ipc.open_file(source).read_all()
        return pyarrow.ipc.open_stream(source).read_all()
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{name} is not a readable parquet or Arrow file: {error}", reason="BAD_PARQUET") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", reason="FILE_UNREADABLE") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text()) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not JSON ({error}); save the dataset again.", reason="BAD_PARQUET") from error
    return found if isinstance(found, dict) else {}
