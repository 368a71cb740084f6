"""Ranking: the answer, in the shape of the `w2s.ranking.v1` JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from predictor.errors import UnavailableError
from predictor.results.advice import headline
from predictor.results.candidate import Candidate
from predictor.results.decision import Decision
from predictor.results.suggestion import LabelValue, SuggestedLabel

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

SCHEMA = "w2s.ranking.v1"


@dataclass(frozen=True)
class EvidenceUse:
    """How much the order relies on one description, proxy or candidate's weak labels, or on past outcomes.

    Attributes:
        kind: `description`, `proxy`, `weak` or `past_outcomes`.
        name: of the describer, proxy or candidate; of past outcomes, of how many candidates and tasks they are.
        weight: share of the voters' consensus, 0 to 1; of past outcomes, of the precision of the predicted errors.
        reliability: correlation with the labels that is taken without gold labels, from how far the voters agree; of
            past outcomes, correlation with the errors here, from how far past tasks agree.
        gold_correlation: correlation with the gold labels of the rows that have one; None where none are given.
    """

    kind: str
    name: str
    weight: float
    reliability: float
    gold_correlation: float | None = None


@dataclass(frozen=True)
class StrongModel:
    """The student whose supervisors are ranked.

    Attributes:
        name: as the user named it.
        layer: as resolved (`6`), or `given` for arrays.
        dim: width of its representation.
        fingerprint: SHA-256 hex of the features used.
        diagnostics: `effective_dimension` and `spectrum_1` … `spectrum_32` (eigenvalues relative to the first), where
            computed; the same keys as a candidate's.
    """

    name: str
    layer: str
    dim: int
    fingerprint: str
    diagnostics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class NullBand:
    """What a candidate without information would get: the ranking estimator's value with shuffled row pairing.

    Attributes:
        value, low, high: median and 90 % band over candidates and shuffles. Of Err_w2s wherever the ranking estimator
            predicts outcomes, also where candidates are ranked by gain; else of its own value.
        separable: how many candidates are better than every shuffle of every candidate. Of pure noise any is in 1 of 20
            rankings.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    separable: int = 0


@dataclass(frozen=True)
class Provenance:
    """What made the answer: package versions, seed, and the request in words, enough to repeat it."""

    versions: Mapping[str, str]
    seed: int
    request: Mapping[str, Any]


@dataclass(frozen=True)
class Ranking:
    """Candidates in rank order, failed ones last.

    Attributes:
        suggested_labels: rows to label next, where they were asked for.
        value_of_labels: what numbers of labels are expected to bring, today's 0 first; as above.
    """

    rank_by: str
    evidence: str
    rows: int
    rows_sha256: str
    strong: StrongModel
    candidates: tuple[Candidate, ...]
    null: NullBand
    provenance: Provenance
    warnings: tuple[str, ...] = ()
    evidence_kinds: tuple[EvidenceUse, ...] = ()
    decision: Decision | None = None
    suggested_labels: tuple[SuggestedLabel, ...] = ()
    value_of_labels: tuple[LabelValue, ...] = ()
    schema: str = SCHEMA

    def best(self) -> Candidate:
        """The first candidate.

        Raises:
            LookupError: every candidate failed.
        """
        ranked = [c for c in self.candidates if c.rank == 1]
        if not ranked:
            raise LookupError("every candidate failed; see .candidates[i].error")
        return ranked[0]

    def tied_with_best(self) -> tuple[Candidate, ...]:
        """Candidates that the data cannot separate from the best, the best first."""
        first = self.best()
        return tuple(c for c in self.candidates if c.tie_group is not None and c.tie_group == first.tie_group)

    @property
    def notices(self) -> tuple[str, ...]:
        """Warnings of the answer, then those of candidates: each sentence once, after the names that it is about."""
        about: dict[str, list[str]] = {}
        for candidate in self.candidates:
            for warning in candidate.warnings:
                about.setdefault(warning, []).append(candidate.name)
        return (*self.warnings, *(f"{', '.join(names)}: {warning}" for warning, names in about.items()))

    def advice(self) -> str:
        """What to do, in one or two sentences."""
        return headline(self)

    @property
    def exit_code(self) -> int:
        """0 all ranked, 1 none ranked, 3 some failed, 4 nothing separable from the null."""
        failed = sum(c.status == "failed" for c in self.candidates)
        if failed == len(self.candidates):
            return 1
        if failed:
            return 3
        return 0 if self.null.separable else 4

    def to_dict(self) -> dict[str, Any]:
        """The JSON object; absent values are None, never 0 or NaN."""
        raw = asdict(self)
        return {"schema": raw.pop("schema"), **raw}

    def __str__(self) -> str:
        """The table, as the command line prints it on 100 columns."""
        from predictor.results.table import table

        return table(self, 100)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows on a terminal."""
        printer.text(str(self))

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        from predictor.results.markdown import markdown

        return markdown(self)

    def to_json(self, path: str | Path | None = None) -> str:
        """The JSON text; also written to `path` where one is given."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def plot(self, ax: Axes | None = None) -> Axes:
        """One point with its interval per candidate, on `ax` or on new axes; see `predictor.results.plot`.

        Raises:
            UnavailableError: matplotlib is not installed.
        """
        from predictor.results.plot import ranking_plot

        return ranking_plot(self, ax)

    def to_frame(self) -> pandas.DataFrame:
        """One row per candidate, intervals flattened to `_low` and `_high` columns. Needs pandas.

        Raises:
            UnavailableError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise UnavailableError(
                "a frame needs pandas, not installed here: pip install pandas. The same rows are in to_dict().",
                reason="MISSING_PACKAGE",
            ) from error

        return pandas.DataFrame([c.to_row() for c in self.candidates])

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Ranking:
        """Read the JSON object back; `Ranking.from_dict(r.to_dict()).to_json() == r.to_json()`."""
        return cls(
            rank_by=raw["rank_by"],
            evidence=raw["evidence"],
            rows=raw["rows"],
            rows_sha256=raw["rows_sha256"],
            strong=StrongModel(**raw["strong"]),
            candidates=tuple(Candidate.from_dict(c) for c in raw["candidates"]),
            null=NullBand(**raw["null"]),
            provenance=Provenance(**raw["provenance"]),
            warnings=tuple(raw["warnings"]),
            evidence_kinds=tuple(EvidenceUse(**one) for one in raw["evidence_kinds"]),
            decision=None if raw["decision"] is None else Decision.from_dict(raw["decision"]),
            suggested_labels=tuple(SuggestedLabel(**one) for one in raw["suggested_labels"]),
            value_of_labels=tuple(LabelValue(**one) for one in raw["value_of_labels"]),
            schema=raw["schema"],
        )
