"""Questions: a task with its labels, asked of some estimators."""

from __future__ import annotations

from predictor.query.query import RankingQuery
from predictor.query.settings import Settings


def asking(question, *names):
    query, labels = question
    settings = Settings(estimators=names)
    return RankingQuery(query.strong, query.weak, query.pool, settings=settings), labels
