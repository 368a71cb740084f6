"""Layouts: tables that published weak-to-strong code wrote, each declared by a mapping of its columns.

Texts in braces are columns, filled in from the row: `"{tc} n={n}"`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Record = Mapping[str, object]

UNNAMED = "a model without a name"


@dataclass(frozen=True)
class PairTable:
    """One pair of models a row, with the accuracies of teacher, student and ceiling beside each other.

    Attributes:
        kind: whose table it is, for people.
        strong, weak: names of the models.
        students: loss and column of each student's accuracy.
        weak_accuracy, ceiling_accuracy: columns; "" where there is none.
    """

    kind: str
    strong: str
    weak: str
    students: tuple[tuple[str, str], ...]
    weak_accuracy: str = ""
    ceiling_accuracy: str = ""

    @property
    def columns(self) -> frozenset[str]:
        """Columns that a table of this layout has."""
        named = {column for _, column in self.students} | {self.weak_accuracy, self.ceiling_accuracy}
        return frozenset((named | _named(self.strong, self.weak)) - {""})


@dataclass(frozen=True)
class RunTable:
    """One training a row; the runs of teacher and ceiling are other rows of the table.

    Attributes:
        kind: whose table it is, for people.
        student, teacher, ceiling: column and value of the rows that are such runs; `*` is any text, "" none.
        task, strong, weak, loss, recipe: names, of the student's row.
        teacher_key, ceiling_key: what a student's row gives for its teacher's and its ceiling's run.
        own_teacher_key, own_ceiling_key: the same of the other row. Runs with equal keys belong together.
        accuracy, rows, seed: columns.
        epoch: column of the epoch where a run has a row for each; the last is taken.
        other: column and value of rows that no teacher labelled.
        plain: value that is left out of the recipe's name.
    """

    kind: str
    student: tuple[str, str]
    teacher: tuple[str, str]
    ceiling: tuple[str, str]
    task: str
    strong: str
    weak: str
    teacher_key: str
    own_teacher_key: str
    ceiling_key: str
    own_ceiling_key: str
    accuracy: str
    rows: str
    seed: str = "seed"
    loss: str = "xent"
    recipe: str = "full"
    epoch: str = ""
    other: tuple[str, str] = ("", "")
    plain: str = ""

    @property
    def columns(self) -> frozenset[str]:
        """Columns that a table of this layout has."""
        named = {self.student[0], self.teacher[0], self.ceiling[0], self.accuracy, self.rows, self.seed, self.epoch}
        texts = (self.task, self.strong, self.weak, self.loss, self.recipe, self.teacher_key, self.own_ceiling_key)
        return frozenset((named | _named(*texts)) - {""})


def filled(text: str, record: Record) -> str:
    """The text with its columns filled in."""
    return text.format_map({name: str(value) for name, value in record.items()}).strip()


def _named(*texts: str) -> set[str]:
    return {name for text in texts for name in re.findall(r"\{([^}]+)\}", text)}


LAYOUTS: tuple[PairTable | RunTable, ...] = (
    RunTable(
        kind="runs of openai/weak-to-strong with shares of gold labels (mayankmahajan24)",
        student=("weak", "*"),
        teacher=("weak", ""),
        ceiling=("weak", ""),
        other=("family", "gt_only"),
        task="{dataset}",
        strong="{student}",
        weak="{weak}",
        loss="{loss}",
        recipe="full {family} {fraction}",
        plain="baseline",
        teacher_key="{dataset} {seed} {weak}",
        own_teacher_key="{dataset} {seed} {student}",
        ceiling_key="{dataset} {seed} {student}",
        own_ceiling_key="{dataset} {seed} {student}",
        accuracy="r_accuracy",
        rows="n_docs",
    ),
    RunTable(
        kind="configurations of openai/weak-to-strong as a table",
        student=("weak_model_size", "*"),
        teacher=("weak_model_size", ""),
        ceiling=("weak_model_size", ""),
        task="{ds_name}",
        strong="{model_size}",
        weak="{weak_model_size}",
        loss="{loss}",
        teacher_key="{weak_ds_name} {weak_seed} {weak_model_size} {weak_loss} {weak_n_docs}",
        own_teacher_key="{ds_name} {seed} {model_size} {loss} {n_docs}",
        ceiling_key="{ds_name} {seed} {model_size} {n_docs}",
        own_ceiling_key="{ds_name} {seed} {model_size} {n_docs}",
        accuracy="accuracy",
        rows="n_docs",
    ),
    RunTable(
        kind="teachers of n rows and students of N rows, an epoch a row (marco)",
        student=("role", "student"),
        teacher=("role", "weak"),
        ceiling=("role", "ceiling"),
        task="sst2",
        strong="{st} N={N}",
        weak="{tc} n={n}",
        teacher_key="{tc} {n} {seed}",
        own_teacher_key="{tc} {n} {seed}",
        ceiling_key="{st} {n} {N} {seed}",
        own_ceiling_key="{st} {n} {N} {seed}",
        accuracy="eval_test_accuracy",
        rows="N",
        epoch="epoch",
    ),
    PairTable(
        kind="pairs of Pythia checkpoints (rokosbasilisk)",
        strong="pythia-{strong_params}b step {strong_step_size}",
        weak="pythia-{weak_params}b step {weak_step_size}",
        students=(("xent", "transfer_acc_xent"), ("logconf", "transfer_acc_logconf")),
        weak_accuracy="weak_acc",
        ceiling_accuracy="strong_acc",
    ),
    PairTable(
        kind="students of one teacher without a name (baidicoot)",
        strong="{strong}",
        weak=UNNAMED,
        students=(("xent", "strong_transfer_acc"),),
        ceiling_accuracy="strong_gt_acc",
    ),
)


def layout_of(columns: frozenset[str]) -> PairTable | RunTable | None:
    """The layout all of whose columns are there."""
    return next((one for one in LAYOUTS if one.columns <= columns), None)
