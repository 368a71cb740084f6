"""Resolve: a calibration's name becomes the calibration, once, before anything is computed."""

from __future__ import annotations

from dataclasses import replace

from predictor.calibration.store import CalibrationStore
from predictor.query.query import RankingQuery


def with_calibration(query: RankingQuery, store: CalibrationStore | None = None) -> RankingQuery:
    """The query with the calibration that its settings name, from this user's store unless another is given.

    Raises:
        NotFoundError: there is none of that name.
    """
    named = query.settings.calibration
    return query if named is None else replace(query, calibration=(store or CalibrationStore()).get(named))
