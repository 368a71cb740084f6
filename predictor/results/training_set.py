"""Training set: a teacher's weak labels with their rows, in the columns that trainers read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from predictor.errors import InputError
from predictor.query.chat import messages_of, plain_text
from predictor.statistics.arrays import Floats

ColumnsFor = Literal["trainer", "trl", "openai"]

SUFFIXES = (".jsonl", ".csv", ".parquet")
"""Files of a training set; a name without a suffix is a folder of `datasets`."""


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Rows with one teacher's labels.

    Attributes:
        teacher: its name.
        ids, texts: of the rows.
        labels: (m,) numbers, or (m, classes) probabilities.
        classes: their names; None of numbers.
        origin: one sentence on where the labels are from.
    """

    teacher: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: Floats
    classes: tuple[str, ...] | None
    origin: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    def records(self, columns: ColumnsFor = "trainer") -> list[dict[str, Any]]:
        """One dictionary a row.

        `trainer`: `id`, `text` or `messages`, `label` (class number, or the number), and of classes `label_name` and
        `soft_label`. `trl`: `prompt` and `completion` with the likeliest class in words, as TRL's SFTTrainer reads
        them, both lists of messages where the row is one. `openai`: `txt`, `hard_label` and `soft_label` of two
        classes, as openai/weak-to-strong reads them.

        Raises:
            InputError: columns that these labels do not have.
        """
        if columns == "trl":
            return [self._prompted(row) for row in range(len(self))]
        if columns == "openai":
            self._need_two()
            return [
                {
                    "id": self.ids[row],
                    "txt": plain_text(self.texts[row]),
                    "hard_label": self._code(row),
                    "soft_label": self._soft(row),
                }
                for row in range(len(self))
            ]
        return [{"id": self.ids[row], **self._input(row), **self._label(row)} for row in range(len(self))]

    def encoded(self, suffix: str, columns: ColumnsFor = "trainer") -> bytes:
        """The content of a file of one of SUFFIXES; lists are JSON in a `.csv`.

        Raises:
            InputError: another suffix; see `records`.
        """
        records = self.records(columns)
        if suffix == ".jsonl":
            return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
        if suffix == ".csv":
            out = io.StringIO()
            sheet = csv.DictWriter(out, list(records[0]), lineterminator="\n")
            sheet.writeheader()
            sheet.writerows([{name: _cell(value) for name, value in record.items()} for record in records])
            return out.getvalue().encode()
        if suffix == ".parquet":
            return _parquet(records)
        raise InputError(
            f"a training set is written to {', '.join(SUFFIXES)} or a folder without a suffix, not to {suffix!r}.",
            reason="BAD_DESTINATION",
            field="output",
        )

    def to_dataset(self, columns: ColumnsFor = "trainer") -> Any:
        """A `datasets.Dataset`; `label` has the classes' names.

        Raises:
            InputError: `datasets` is not installed; see `records`.
        """
        try:
            import datasets
        except ModuleNotFoundError as error:
            raise InputError(
                "datasets is not installed; pip install 'w2s-predictor[frames]', or write a .jsonl file.",
                reason="BAD_DESTINATION",
                field="output",
            ) from error
        found = datasets.Dataset.from_list(self.records(columns))
        if self.classes is not None and "label" in found.column_names:
            found = found.cast_column("label", datasets.ClassLabel(names=list(self.classes)))
        return found

    def _input(self, row: int) -> dict[str, Any]:
        messages = messages_of(self.texts[row])
        return {"text": self.texts[row]} if messages is None else {"messages": messages}

    def _label(self, row: int) -> dict[str, Any]:
        if self.classes is None:
            return {"label": float(self.labels[row])}
        code = self._code(row)
        return {"label": code, "label_name": self.classes[code], "soft_label": self._soft(row)}

    def _prompted(self, row: int) -> dict[str, Any]:
        if self.classes is None:
            raise InputError(
                "the labels are numbers, which have no words; give --columns trainer.",
                reason="BAD_COLUMNS",
                field="columns",
            )
        word, messages = self.classes[self._code(row)], messages_of(self.texts[row])
        if messages is None:
            return {"prompt": self.texts[row], "completion": f" {word}"}
        return {"prompt": messages, "completion": [{"role": "assistant", "content": word}]}

    def _need_two(self) -> None:
        if self.classes is None or len(self.classes) != 2:
            raise InputError(
                f"openai/weak-to-strong reads two classes, and the labels have "
                f"{'none' if self.classes is None else len(self.classes)}; give --columns trainer.",
                reason="BAD_COLUMNS",
                field="columns",
            )

    def _code(self, row: int) -> int:
        return int(np.argmax(self.labels[row]))

    def _soft(self, row: int) -> list[float]:
        return [float(share) for share in self.labels[row]]


def check_columns(columns: str) -> ColumnsFor:
    """The name of a set of columns.

    Raises:
        InputError: another one.
    """
    for known in get_args(ColumnsFor):
        if columns == known:
            return known  # type: ignore[no-any-return]  # one of the Literal
    raise InputError(
        f"columns is {columns!r}; give {', '.join(get_args(ColumnsFor))}.", reason="BAD_COLUMNS", field="columns"
    )


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, list) else value


def _parquet(records: Sequence[Mapping[str, Any]]) -> bytes:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise InputError(
            "writing .parquet needs pyarrow; pip install 'w2s-predictor[models]', or write .jsonl.",
            reason="PYARROW_MISSING",
            field="output",
        ) from error
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(records)), out)
    return out.getvalue()
