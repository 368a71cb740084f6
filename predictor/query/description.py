"""Description: what a class, or an end of the scale of numbers, means in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from predictor.errors import InputError
from predictor.query.labels import Labels, class_order
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool

ENDS = ("low", "high")
"""Names of the two descriptions of numbers."""


@dataclass(frozen=True)
class Description:
    """What one class means.

    Attributes:
        name: the class as in the labels; `low` or `high` of numbers.
        texts: one or several, whose embeddings are averaged.
    """

    name: str
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.texts or not all(text.strip() for text in self.texts):
            raise InputError(
                f"the description of {self.name!r} is empty; describe what it means, as in --describe "
                f'{self.name}="a positive review of a film".',
                reason="BAD_DESCRIPTION",
                field="descriptions",
            )


def names_ends(descriptions: Sequence[Description]) -> bool:
    """Whether the ends of a scale of numbers are described, and no classes."""
    return {one.name for one in descriptions} == set(ENDS)


def in_class_order(descriptions: Sequence[Description], classes: Sequence[str] | None) -> tuple[Description, ...]:
    """The descriptions in the order of the label columns: of `classes`, else as labels would order their names."""
    if names_ends(descriptions):
        return tuple(sorted(descriptions, key=lambda one: ENDS.index(one.name)))
    if classes is not None:
        return tuple(sorted(descriptions, key=lambda one: classes.index(one.name)))
    return tuple(sorted(descriptions, key=lambda one: class_order(one.name)))


def check_descriptions(
    descriptions: Sequence[Description], describers: Sequence[ModelSpec], pool: Pool, labels: Labels | None
) -> None:
    """Refuse descriptions that cannot be compared with the rows.

    Raises:
        InputError: names that are no classes or do not cover them, no texts in the pool, or nothing that reads texts.
    """
    if not descriptions:
        if describers:
            raise _refused("--describer is given without a description; give --describe 0=TEXT 1=TEXT.", "describers")
        return
    names = [one.name for one in descriptions]
    _check_names(names, labels)
    if not pool.texts:
        raise InputError(
            "descriptions are compared with the rows' texts, and none were given; name the rows with --pool.",
            reason="POOL_MISSING",
            field="pool",
        )
    if not describers:
        raise InputError(
            "descriptions are given and no model to read them; name a sentence encoder with --describer MODEL "
            "(`w2s ls describers` lists some).",
            reason="NO_DESCRIBER",
            field="describers",
        )
    for spec in describers:
        if not spec.needs_rows or spec.labels == "logits":
            raise _refused(
                f"describer {spec.name!r} reads no descriptions; name a sentence encoder, or a language model as "
                "MODEL#labels=words.",
                "describers",
            )


def _check_names(names: Sequence[str], labels: Labels | None) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _refused(f"class {twice!r} is described twice; give its texts as one description of several texts.")
    wanted = None if labels is None else labels.classes or ENDS
    if wanted is None and (set(names) & set(ENDS)):
        wanted = ENDS
    example = " ".join(f"{name}=TEXT" for name in wanted or (*names, "OTHER")[:2])
    unknown = next((name for name in names if wanted is not None and name not in wanted), None)
    if unknown is not None:
        kind = "of numbers" if wanted == ENDS else "in the labels"
        raise _refused(f"{unknown!r} is described, which is no name {kind}; give --describe {example}.")
    missing = [name for name in wanted or () if name not in names]
    if missing or len(names) < 2:
        what = f"{missing[0]!r} is not described" if missing else f"{names[0]!r} alone is described"
        raise _refused(f"{what}; describe every class: --describe {example}.")


def _refused(message: str, field: str = "descriptions") -> InputError:
    return InputError(message, reason="BAD_DESCRIPTION", field=field)
