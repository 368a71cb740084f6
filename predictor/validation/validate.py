"""Validation: train every candidate's student, and measure the error of each estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.estimators.registry import BY_NAME_ONLY, ESTIMATORS
from predictor.outcomes.outcome import accuracy_gain
from predictor.query.evidence import Evidence
from predictor.query.labels import Labels
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource
from predictor.ranking.answer import answer_steps
from predictor.ranking.gathering import gather
from predictor.ranking.selection import Selection
from predictor.results.ranking import Provenance, Ranking
from predictor.results.versions import versions
from predictor.statistics.device import HOST, Device
from predictor.steps import Progress, Steps
from predictor.training.learners import Trainee, student_heads
from predictor.training.outcomes import Outcomes
from predictor.training.partition import recut
from predictor.training.recipe import Recipe
from predictor.training.runs import part_of, training_steps
from predictor.training.splits import Rows
from predictor.validation.claims import claims_of
from predictor.validation.scoring import rank_correlation, scores
from predictor.validation.training_routes import routes_of
from predictor.validation.validation import Mean, Trained, Validation, mean_of

__all__ = ["Mean", "Trained", "Validation", "validation_steps"]

RECUTS = 6
"""Students trained per revealed D~: forecasts are of the mean over students, not of the luck of one."""

StudentOf = Callable[[RankingQuery, Recipe], Trainee]
"""Loads the strong model of a query for a recipe that trains it; for transformers see `predictor.finetuning`."""


def validation_steps(
    query: RankingQuery,
    labels: Labels,
    source: FeatureSource,
    *,
    task: str = "",
    splits: int | None = None,
    labelled_splits: int = 3,
    recipe: Recipe | None = None,
    groups: Rows | None = None,
    student_of: StudentOf | None = None,
    device: Device = HOST,
) -> Steps[Validation]:
    """Train weak head → weak labels → student for every candidate, and score every estimator against it.

    The label-free ranking is compared with the mean over all splits. For the ranking with `--labels`, the gold labels
    of D~ of the first `labelled_splits` splits are revealed, one split at a time, and each forecast is compared with
    trainings that have exactly this D~: the mean over RECUTS random cuts of the other rows into D^ and test rows, or
    the split's own training alone where groups must stay together or the strong model itself is trained.

    Args:
        query: without labels.
        labels: gold labels of every row of the query's pool.
        splits: ≥ 2 random partitions, the same for all candidates; None for the recipe's usual number.
        recipe: ridge heads where None. Its sizes and ridges replace those of the settings in the predictions.
        groups: (n,) rows of one group never fall into two parts of a split.
        student_of: for recipes that train the strong model itself; called before anything else is done.
        device: that the settings of the query name.

    Raises:
        W2SError: the request or the strong model is wrong, a row is unlabelled, or no candidate is left.
    """
    asked = (recipe or Recipe()).for_labels(labels.kind)
    splits = asked.usual_splits if splits is None else splits
    _check(query, labels, splits)
    query = replace(query, settings=replace(query.settings, training=asked.training))
    seed = query.settings.seed
    part = part_of(len(query.pool), asked, seed, 0, groups)
    if asked.trains_model:
        yield Progress(query.strong.name, "load", 0, 1)
    tuned = _tuned(query, asked, student_of)
    gathered = yield from gather(query, source)
    free = yield from answer_steps(query, Selection.of(query, device=device), gathered)
    failed = {c.name: c.error for c in free.candidates if c.error is not None}
    active = [one for one in gathered.active if one.name not in failed]
    if not active:
        raise InputError(
            "no candidate is left to train: " + "; ".join(f"{name}: {error.message}" for name, error in failed.items()),
            reason="NO_CANDIDATE",
        )
    names = [one.name for one in active]
    outcomes = yield from training_steps(
        tuned or student_heads(gathered.strong.values, asked),
        [one.values for one in active],
        labels,
        asked,
        splits=splits,
        seed=seed,
        groups=groups,
        names=names,
    )
    shown, parts = [], []
    for split in range(min(labelled_splits, splits)):
        cut = part_of(len(query.pool), asked, seed, split, groups)
        revealed = _with_labels(query, reveal(labels, cut.weak), seed + split)
        if revealed is None:
            break
        shown.append((yield from answer_steps(revealed, Selection.of(revealed, device=device), gathered)))
        if groups is not None or asked.trains_model:
            parts.append(outcomes.of_split(split))
            continue
        rng = np.random.default_rng([seed, split, RECUTS])
        parts.append(
            (
                yield from training_steps(
                    student_heads(gathered.strong.values, asked),
                    [one.values for one in active],
                    labels,
                    asked,
                    splits=RECUTS,
                    seed=seed,
                    parts=[recut(cut, rng) for _ in range(RECUTS)],
                )
            )
        )
    found = scores([free], [outcomes], names)
    if shown:
        given = scores(shown, parts, names)
        # The consensus sees the weak labels of the heads and no gold label.
        found += tuple(
            replace(s, evidence=Evidence.weak_labels.name) for s in given if s.estimator == "consensus_truth"
        )
        found += tuple(s for s in given if s.estimator != "consensus_truth")
        once_more = scores([free] * len(shown), parts, names)
        found += tuple(
            replace(s, evidence=shown[0].evidence) for s in once_more if s.estimator == "label_prior_simulation"
        )
    routes = yield from routes_of(query, gathered, names, labels, source)
    return Validation(
        task=task,
        strong=f"{gathered.strong.name} (layer {gathered.strong.layer})",
        rows=len(query.pool),
        splits=splits,
        ceiling_error=mean_of(outcomes.ceiling),
        reliability=rank_correlation(outcomes.w2s[:, ::2].mean(axis=1), outcomes.w2s[:, 1::2].mean(axis=1)),
        trained=_trained(names, outcomes, _predicted(free, shown)),
        scores=found,
        failed=failed,
        provenance=Provenance(versions(), seed, free.provenance.request),
        recipe=asked.method,
        loss=asked.loss or "",
        label_form=asked.training.label_form,
        training=asked.words,
        parts=(len(part.weak), len(part.student), len(part.test)),
        measured_on=datetime.now(UTC).date().isoformat(),
        routes=routes,
        warnings=free.warnings,
        claims=claims_of(free, shown, outcomes, parts, names),
        ceiling_accuracy=None if outcomes.ceiling_accuracy is None else mean_of(outcomes.ceiling_accuracy),
        ceiling_log_loss=None if outcomes.ceiling_log_loss is None else mean_of(outcomes.ceiling_log_loss),
    )


def _check(query: RankingQuery, labels: Labels, splits: int) -> None:
    if not labels.known.all():
        row = int(np.argmin(labels.known))
        raise InputError(
            f"row {query.pool.ids[row]!r} of the task has no label; validation trains on every row, so label it or "
            "leave it out.",
            reason="UNLABELLED_ROW",
            field="task",
        )
    if splits < 2:
        raise InputError(f"splits is {splits}; at least 2 are needed.", reason="OUT_OF_RANGE", field="splits")


def _tuned(query: RankingQuery, recipe: Recipe, student_of: StudentOf | None) -> Trainee | None:
    if not recipe.trains_model:
        return None
    if student_of is None:
        raise InputError(
            f"recipe {recipe.method!r} trains the strong model itself, and nothing here can; give ridge or logistic.",
            reason="BAD_RECIPE",
            field="recipe",
        )
    return student_of(query, recipe)


def reveal(labels: Labels, rows: Rows) -> Labels:
    """The gold labels of these rows, all others hidden."""
    targets = np.full_like(labels.targets, np.nan)
    targets[rows] = labels.targets[rows]
    return Labels(targets, labels.kind, labels.classes)


def _with_labels(query: RankingQuery, labels: Labels, seed: int) -> RankingQuery | None:
    """The query with labels, asking for what they can change alone; None where nothing of what was asked is."""
    asked = query.settings.estimators
    if asked == ("combined",):
        asked = ("combined", *(name for name in ESTIMATORS if name not in BY_NAME_ONLY))
    changed = tuple(
        dict.fromkeys(n for n in asked if n == "combined" or ESTIMATORS[n].evidence > Evidence.representations)
    )
    if not changed:
        return None
    return replace(query, labels=labels, settings=replace(query.settings, estimators=changed, seed=seed))


def _predicted(free: Ranking, shown: Sequence[Ranking]) -> dict[str, dict[str, dict[str, float]]]:
    """Candidate -> estimator -> numbers: of the label-free ranking, and what only revealed labels allow, averaged."""
    gathered: dict[str, dict[str, dict[str, list[float]]]] = {}
    known = {name for c in free.candidates for name, estimate in c.estimates.items() if estimate.value is not None}
    for ranking in (free, *shown):
        for candidate in ranking.candidates:
            for name, estimate in candidate.estimates.items():
                if ranking is not free and name in known:
                    continue
                numbers = {
                    "value": estimate.value,
                    "gain": estimate.details.get("gain"),
                    "accuracy_gain": accuracy_gain(estimate.details),
                }
                stored = gathered.setdefault(candidate.name, {}).setdefault(name, {})
                for key, number in numbers.items():
                    if number is not None:
                        stored.setdefault(key, []).append(number)
    return {
        candidate: {
            name: {key: float(np.mean(values)) for key, values in numbers.items()}
            for name, numbers in estimates.items()
            if numbers
        }
        for candidate, estimates in gathered.items()
    }


def _trained(
    names: Sequence[str], outcomes: Outcomes, predicted: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> tuple[Trained, ...]:
    def of(values: NDArray[np.float64] | None, i: int) -> Mean | None:
        return None if values is None else mean_of(values[i])

    found = []
    for i, name in enumerate(names):
        pgr, spread = outcomes.pgr(i)
        found.append(
            Trained(
                name,
                mean_of(outcomes.weak[i]),
                mean_of(outcomes.w2s[i]),
                mean_of(outcomes.gain[i]),
                pgr,
                of(outcomes.weak_accuracy, i),
                of(outcomes.w2s_accuracy, i),
                spread,
                of(outcomes.weak_log_loss, i),
                of(outcomes.w2s_log_loss, i),
                predicted.get(name, {}),
            )
        )
    return tuple(sorted(found, key=lambda one: one.w2s_error.value))
