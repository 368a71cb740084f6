"""The request of a ranking as its answer records it."""

from __future__ import annotations

from typing import Any

from predictor.query.query import RankingQuery
from predictor.ranking.past_outcomes import PastOutcomes
from predictor.statistics.device import HOST, Device


def request_record(query: RankingQuery, past: PastOutcomes | None = None, device: Device = HOST) -> dict[str, Any]:
    """The request as names and numbers, enough to repeat it.

    Arrays are recorded by name only, past outcomes by a digest, and of the device the one that computed.
    """
    labelled = 0 if query.labels is None else int(query.labels.known.sum())
    return {
        "strong": query.strong.as_given,
        "weak": [spec.as_given for spec in query.weak],
        "labelled_rows": labelled,
        "weak_labels": sorted(query.weak_labels),
        "descriptions": {one.name: list(one.texts) for one in query.ordered_descriptions},
        "describers": [spec.as_given for spec in query.describers],
        "proxies": sorted(query.proxies),
        **query.settings.record(),
        "answer_device": device.name,
        **({} if past is None else {"past_outcomes": past.record()}),
    }
