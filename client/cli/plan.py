"""`--dry-run`: what a ranking would do, as a table or JSON."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import get_args

from client.cli.listing import listing
from client.cli.output import print_json
from client.cli.pace import duration
from predictor.query.query import RankingQuery


def print_plan(query: RankingQuery, arguments: argparse.Namespace) -> int:
    """Print the plan and return 0; 3 where a candidate fails, 2 where the strong model does."""
    from predictor.extraction.dry_run import Work, plan
    from predictor.ranking.refining import MAX_ROWS

    steps = plan(query, MAX_ROWS)
    features, describers, labels, refined = ([s for s in steps if s.work == work] for work in get_args(Work))
    settings = query.settings
    known = sum(step.seconds for step in steps if step.seconds is not None)
    unknown = len({step.reference for step in steps if step.seconds is None and not step.error})
    if arguments.json:
        print_json(
            {
                "rows": len(query.pool),
                "rows_sha256": query.pool.sha256,
                "estimators": list(settings.estimators),
                "rank_by": settings.rank_by,
                "seed": settings.seed,
                "strong": asdict(features[0]),
                "weak": [asdict(step) for step in features[1:]],
                "describers": [asdict(step) for step in describers],
                "labels": [asdict(step) for step in labels],
                "refined_labels": asdict(refined[0]) if refined else None,
                "seconds": known if not unknown else None,
            }
        )
    else:
        texts = f"{len(query.pool):,} rows, each cut at {settings.max_length} tokens"
        print(f"{texts}; estimators: {', '.join(settings.estimators)}; ranked by {settings.rank_by}\n")
        roles = (("student", features[:1]), ("candidate", features[1:]), ("describer", describers))
        rows = [
            (role, s.name, s.layers, s.pooling or "–", s.state, _time(s.seconds)) for role, some in roles for s in some
        ]
        rows += [("labels", s.name, f"by {s.layers}", "–", s.state, _time(s.seconds)) for s in labels]
        rows += [("refining", s.name, f"{s.layers} candidate(s)", "–", s.state, _time(s.seconds)) for s in refined]
        print(listing(("", "model", "layer", "pooling", "state", "about"), rows, empty=""))
        for name, error in dict.fromkeys((step.name, step.error) for step in steps if step.error):
            print(f"\n{name}: {error}")
        more = f", and {unknown} model(s) to fetch first" if unknown else ""
        print(
            f"\nabout {_time(known)} of forward passes on this machine{more}, loading and estimates apart; "
            "no weights were loaded, nothing was fetched."
        )
    if any(step.error for step in (features[0], *refined)):
        return 2
    return 3 if any(step.error for step in steps) else 0


def _time(seconds: float | None) -> str:
    return "?" if seconds is None else duration(seconds)
