"""Evidence: the kinds of evidence that an answer can rest on, and their names in every text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Evidence(IntEnum):
    """What an answer rests on, weakest first. The names are those of JSON and of messages."""

    representations = 0
    descriptions = 1
    weak_labels = 2
    few_labels = 3
    calibrated = 4


@dataclass(frozen=True)
class EvidenceText:
    """How one kind of evidence is presented.

    Attributes:
        short: in a table.
        needs: what an estimator needs, after "needs".
        heading: of results that had this evidence.
        sentence: what the answer rests on.
    """

    short: str
    needs: str
    heading: str
    sentence: str


EVIDENCE: dict[Evidence, EvidenceText] = {
    Evidence.representations: EvidenceText(
        "representations",
        "representations only",
        "without labels",
        "The rows and the models' representations, and no label at all.",
    ),
    Evidence.descriptions: EvidenceText(
        "descriptions",
        "descriptions or proxies",
        "with descriptions",
        "Representations, and descriptions of the classes or proxies of the label; no label at all.",
    ),
    Evidence.weak_labels: EvidenceText(
        "weak labels",
        "weak labels",
        "with weak labels",
        "Representations, and the weak models' own predictions on these rows.",
    ),
    Evidence.few_labels: EvidenceText(
        "few labels",
        "some gold labels",
        "with gold labels of D~",
        "Representations, and gold labels of some rows; none of the rows being predicted.",
    ),
    Evidence.calibrated: EvidenceText(
        "calibrated",
        "past outcomes",
        "calibrated",
        "Representations, and measured outcomes of earlier runs of this kind.",
    ),
}
"""Every kind of evidence -> its texts."""


def evidence_text(name: str) -> EvidenceText:
    """The texts of the evidence that an answer names; the name itself where another version wrote it."""
    if name in Evidence.__members__:
        return EVIDENCE[Evidence[name]]
    shown = name.replace("_", " ")
    return EvidenceText(shown, shown, shown, name)
