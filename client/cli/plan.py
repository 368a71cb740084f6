"""`--dry-run`: what a ranking would do, as a table or JSON."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from client.cli.listing import listing
from client.cli.output import print_json
from client.cli.pace import data_size, duration
from predictor.query.query import RankingQuery

if TYPE_CHECKING:
    from predictor.extraction.dry_run import Step, Work


@dataclass(frozen=True)
class DryRun:
    """The steps of a ranking.

    Attributes:
        query: what is asked.
        steps: in their order; the first is the strong model's features.
    """

    query: RankingQuery
    steps: tuple[Step, ...]

    @property
    def exit_code(self) -> int:
        """0; 3 where a candidate fails, 2 where the strong model does."""
        if any(step.error for step in (self.steps[0], *self._of("refined labels"))):
            return 2
        return 3 if any(step.error for step in self.steps) else 0

    @property
    def seconds(self) -> float:
        """Of the steps whose time is known."""
        return sum(step.seconds for step in self.steps if step.seconds is not None)

    @property
    def to_fetch(self) -> int:
        """Models that must be fetched first, so that nothing is known of their time."""
        return len({step.reference for step in self.steps if step.seconds is None and not step.error})

    @property
    def missing(self) -> dict[str, int | None]:
        """Every file to download -> its bytes; each once, also where several models need it."""
        downloads = [step.download for step in self.steps if step.download is not None]
        return {file.name: file.bytes for one in downloads for file in one.files}

    @property
    def unknown(self) -> dict[str, str]:
        """Models of whose files nothing is known -> why."""
        downloads = {step.reference: step.download for step in self.steps if step.download is not None}
        return {name: one.unknown for name, one in downloads.items() if one.unknown}

    @property
    def download_bytes(self) -> int | None:
        """Of all files; None where that of one is not known."""
        known = [size for size in self.missing.values() if size is not None]
        return None if self.unknown or len(known) < len(self.missing) else sum(known)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object; numbers are None where a model must be fetched first, or nobody says."""
        settings, refined = self.query.settings, self._of("refined labels")
        features = self._of("features")
        return {
            "rows": len(self.query.pool),
            "rows_sha256": self.query.pool.sha256,
            "estimators": list(settings.estimators),
            "rank_by": settings.rank_by,
            "seed": settings.seed,
            "strong": asdict(features[0]),
            "weak": [asdict(step) for step in features[1:]],
            "describers": [asdict(step) for step in self._of("descriptions")],
            "labels": [asdict(step) for step in self._of("labels")],
            "refined_labels": asdict(refined[0]) if refined else None,
            "seconds": None if self.to_fetch else self.seconds,
            "download_bytes": self.download_bytes,
        }

    @property
    def text(self) -> str:
        """The table, the errors and the sum."""
        settings = self.query.settings
        order = settings.rank_by or "accuracy where it can be predicted, else w2s_error"
        rows = [
            (_role(self.steps, step), step.name, *_columns(step), _download(step), _time(step.seconds))
            for step in self.steps
        ]
        time = f"about {_time(self.seconds)} of forward passes on this machine"
        if self.to_fetch:
            known = f"{time}, without" if self.seconds else "time of forward passes not known:"
            time = f"{known} {self.to_fetch} model(s) to fetch first"
        errors = dict.fromkeys((step.name, step.error) for step in self.steps if step.error)
        parts = [
            f"{len(self.query.pool):,} rows, each cut at {settings.max_length} tokens; estimators: "
            f"{', '.join(settings.estimators)}; ranked by {order}",
            listing(("", "model", "layer", "pooling", "state", "download", "about"), rows, empty=""),
            *(f"{name}: {error}" for name, error in errors),
            *self._downloads,
            f"{time}; loading and estimates apart. No weights were loaded or fetched.",
        ]
        return "\n\n".join(parts)

    @property
    def _downloads(self) -> list[str]:
        """What must be downloaded, and why that is not known where it is not."""
        sizes = [size for size in self.missing.values() if size is not None]
        unsized = [name for name, size in self.missing.items() if size is None]
        found = [f"to download: {data_size(sum(sizes))} in {len(sizes)} file(s) not here yet"] if sizes else []
        found += [f"to download, of unknown size: {', '.join(unsized)}"] if unsized else []
        return [*found, *(f"to download, size not known: {why}" for why in self.unknown.values())]

    def _of(self, work: Work) -> list[Step]:
        return [step for step in self.steps if step.work == work]


def plan_of(query: RankingQuery) -> DryRun:
    """What `w2s rank` would do for a query on this machine."""
    from predictor.extraction.dry_run import plan
    from predictor.ranking.refining import MAX_ROWS

    return DryRun(query, plan(query, MAX_ROWS))


def print_plan(query: RankingQuery, arguments: argparse.Namespace) -> int:
    """Print the plan and return its exit code."""
    planned = plan_of(query)
    if arguments.json:
        print_json(planned.to_dict())
    else:
        print(planned.text)
    return planned.exit_code


def _role(steps: tuple[Step, ...], step: Step) -> str:
    if step is steps[0]:
        return "student"
    return {"features": "candidate", "descriptions": "describer", "labels": "labels"}.get(step.work, "refining")


def _columns(step: Step) -> tuple[str, str, str]:
    layers = {"labels": f"by {step.layers}", "refined labels": f"{step.layers} candidate(s)"}.get(
        step.work, step.layers
    )
    return layers, step.pooling or "–", step.state


def _download(step: Step) -> str:
    if step.download is None:
        return "–"
    return "?" if step.download.bytes is None else data_size(step.download.bytes)


def _time(seconds: float | None) -> str:
    return "?" if seconds is None else duration(seconds)
