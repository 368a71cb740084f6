"""Describing: scores of the rows by descriptions and proxies, as the truth model takes them.

A row's score for a class is the cosine of a sentence encoder's embeddings of the row and of the class's texts; or the
probability that a language model gives the class's texts behind the row, against those of the other classes, corrected
by what it gives them behind rows without content. The mean over rows is taken off. Of two classes the voter has one
column, second less first; of more, a column a class. A label of many classes is 0 in nearly every column, which no
cosine follows: there cosines s become probabilities in proportion to exp(β s), β such that they vary by ASSUMED² of
what such labels do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from predictor.errors import InputError
from predictor.query.description import Description
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.prompt import LabelPrompt
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSource
from predictor.ranking.boundary import CandidateBoundary
from predictor.ranking.labelling import labels_of
from predictor.results.candidate import Failure
from predictor.statistics.arrays import Array
from predictor.steps import Progress, Steps
from predictor.truth.voters import ASSUMED, Kind, Voters

DESCRIPTION: Kind = "description"
PROXY: Kind = "proxy"

CONSTANT = 1e-9
"""Standard deviation of cosines up to which they are constant but for rounding."""

REACH = (1e-3, 1e3)
"""β times the standard deviation of scores: where it is looked for."""

HALVINGS = 50
"""Of the range in which log β is: to rounding."""


def voters_of(query: RankingQuery, source: FeatureSource) -> Steps[tuple[Voters | None, tuple[str, ...]]]:
    """The scores of the pool by each describer and proxy, and a warning for each describer that failed.

    Raises:
        InputError: descriptions are given and every describer failed.
    """
    names: list[str] = []
    scores: list[Array] = []
    failures: list[tuple[ModelSpec, Failure]] = []
    for spec in query.describers:
        with CandidateBoundary(spec) as boundary:
            found = yield from _scores(spec, query, source)
            names.extend(found)
            scores.extend(found.values())
        if boundary.failure is not None:
            yield Progress(spec.name, "failed", 0, 1)
            failures.append((spec, boundary.failure))
    if query.descriptions and not scores:
        spec, failure = failures[0]
        raise InputError(
            f"no describer could read the descriptions; {spec.name!r} failed: {failure.message} Name a sentence "
            "encoder with --describer MODEL (`w2s ls describers` lists some), or leave --describe out.",
            reason="DESCRIBER_FAILED",
            field="describers",
        )
    kinds = (*(DESCRIPTION for _ in names), *(PROXY for _ in query.proxies))
    columns = [*scores, *(np.asarray(values, dtype=np.float64)[:, None] for values in query.proxies.values())]
    warnings = tuple(f"describer {spec.name!r} was left out: {why.message}" for spec, why in failures)
    if not columns:
        return None, warnings
    return Voters((*names, *query.proxies), kinds, np.stack(columns, axis=1)), warnings


def similarities(rows: Array, texts: Sequence[Array]) -> Array:
    """(n, k) centred scores of (n, d) rows for classes described by (t, d) embeddings each."""
    classes = np.stack([_unit(one).mean(axis=0) for one in texts])
    scores = contrasts(_unit(rows) @ _unit(classes).T)
    return scores if scores.shape[1] == 1 else _probabilities(scores)


def contrasts(near: Array) -> Array:
    """(n, 1) second class less first of (n, 2) scores, or (n, c) less the mean of all classes; centred over rows."""
    near = near - near.mean(axis=0)
    if near.shape[1] == 2:
        centred: Array = near[:, 1:] - near[:, :1]
    else:
        centred = near - near.mean(axis=1, keepdims=True)
    return centred


def _probabilities(scores: Array) -> Array:
    """(n, c) centred probabilities in proportion to exp(β scores); constant scores stay as they are."""
    size = float(np.std(scores))
    if size <= CONSTANT:
        return scores
    low, high = (np.log(reach / size) for reach in REACH)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        raised = np.exp(np.exp(middle) * (scores - scores.max(axis=1, keepdims=True)))
        found = raised / raised.sum(axis=1, keepdims=True)
        shares = found.mean(axis=0)
        enough = float(np.sum(np.var(found, axis=0))) >= ASSUMED**2 * float(np.sum(shares * (1.0 - shares)))
        low, high = (low, middle) if enough else (middle, high)
    centred: Array = found - shares
    return centred


def _scores(spec: ModelSpec, query: RankingQuery, source: FeatureSource) -> Steps[dict[str, Array]]:
    described = query.ordered_descriptions
    if spec.labels == "words":
        return {spec.name: (yield from _by_words(spec, query, described, source))}
    words = Pool.of([text for one in described for text in one.texts])
    # The request's layer and pooling are for candidates. Sentence embeddings are the last layer, pooled as the
    # describer's folder declares, else by the mean.
    reader, settings = spec.as_describer, replace(query.settings, layer="last", pooling=Settings.pooling)
    rows = yield from source.features(reader, query.pool, settings)
    texts = yield from source.features(reader, words, settings)
    ends = np.cumsum([len(one.texts) for one in described])[:-1]
    return {
        row.name: similarities(np.asarray(row.values, np.float64), np.split(np.asarray(text.values, np.float64), ends))
        for row, text in zip(rows, texts, strict=True)
    }


def _by_words(
    spec: ModelSpec, query: RankingQuery, described: Sequence[Description], source: FeatureSource
) -> Steps[Array]:
    """(n, k) scores by the probabilities of the texts, those of one class added up."""
    texts = tuple(text for one in described for text in one.texts)
    own = query.settings.label_prompt
    prompt = LabelPrompt(texts) if own is None else replace(own, words=texts)
    predicted = yield from labels_of(source, spec).labels(
        spec, query.pool, replace(query.settings, label_prompt=prompt)
    )
    starts = np.cumsum([0, *(len(one.texts) for one in described)])[:-1]
    found: Array = np.add.reduceat(np.asarray(predicted.values, dtype=np.float64), starts, axis=1)
    return contrasts(found)


def _unit(rows: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Array = rows / np.where(lengths > 0.0, lengths, 1.0)
    return scaled
