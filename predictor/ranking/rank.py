"""The entry to a ranking: select estimators, gather features, then estimate, order and answer."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.calibration.calibration import Calibration
from predictor.outcomes.outcome import Outcome
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource
from predictor.ranking import racing
from predictor.ranking.answer import answer_steps
from predictor.ranking.gathering import check_one_layer, gather
from predictor.ranking.refining import refine
from predictor.ranking.selection import Selection
from predictor.results.ranking import Ranking
from predictor.statistics.device import HOST, Device
from predictor.steps import Steps
from predictor.training.splits import check_rows


def rank_steps(
    query: RankingQuery,
    source: FeatureSource,
    calibration: Calibration | None = None,
    outcomes: Sequence[Outcome] = (),
    device: Device = HOST,
) -> Steps[Ranking]:
    """Rank the candidates of a query; yields progress, returns the ranking. Closing it cancels the work.

    A candidate that cannot be loaded, run or estimated becomes a failed row; the others are ranked.

    Args:
        query: what is asked.
        source: gives features of models.
        calibration: the one that the settings of the query name.
        outcomes: recorded ones that the settings of the query ask for.
        device: the one that they name; see `predictor.engines.device.open_device`.

    Raises:
        W2SError: the strong model failed, or the request is wrong.
    """
    if query.labels is not None:
        query.labels.unlabelled()
    selection = Selection.of(query, calibration, outcomes, device)
    if selection.forecasters:
        check_rows(len(query.pool))
    check_one_layer(query)
    if racing.wanted(query):
        return (yield from racing.race_steps(query, selection, source))
    gathered = yield from gather(query, source)
    if query.settings.refine == "prompted":
        gathered = yield from refine(query, gathered, source)
    return (yield from answer_steps(query, selection, gathered))
