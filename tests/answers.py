"""Answers: their candidates by name, and what two answers to the same request share."""

from __future__ import annotations

import json

from threadpoolctl import threadpool_limits

import predictor
from predictor.results.candidate import Candidate
from predictor.results.ranking import Ranking


def by_name(ranking: Ranking) -> dict[str, Candidate]:
    """Every candidate, failed ones too, under its name."""
    return {c.name: c for c in ranking.candidates}


def bare(ranking: Ranking | str) -> str:
    """The JSON, of a ranking or as it was printed, without wall times."""
    found = json.loads(ranking if isinstance(ranking, str) else ranking.to_json())
    for candidate in found["candidates"]:
        candidate["timings"] = sorted(candidate["timings"])
    return json.dumps(found, indent=1, ensure_ascii=False)


def ranked_here(request: dict[str, object]) -> Ranking:
    """The ranking of this process, on one thread as in a worker: several add in another order."""
    with threadpool_limits(1, user_api="blas"):
        return predictor.rank(**request)
