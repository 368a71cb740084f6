"""`--dry-run`: what a ranking would do, as a table or JSON."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from client.cli.answer import print_json
from client.cli.listing import listing
from predictor.query import RankingQuery


def print_plan(query: RankingQuery, arguments: argparse.Namespace) -> int:
    """Print the plan and return 0; 3 where a candidate is at fault, 2 where the strong model is."""
    from predictor.plan import plan

    steps = plan(query)
    settings = query.settings
    known = sum(step.seconds for step in steps if step.seconds is not None)
    unknown = sum(step.seconds is None and not step.fault for step in steps)
    if arguments.json:
        print_json(
            {
                "rows": len(query.pool),
                "rows_sha256": query.pool.sha256,
                "estimators": list(settings.estimators),
                "rank_by": settings.rank_by,
                "seed": settings.seed,
                "strong": asdict(steps[0]),
                "weak": [asdict(step) for step in steps[1:]],
                "seconds": known if not unknown else None,
            }
        )
    else:
        texts = f"{len(query.pool):,} rows, each cut at {settings.max_length} tokens"
        print(f"{texts}; estimators: {', '.join(settings.estimators)}; ranked by {settings.rank_by}\n")
        rows = [
            (
                "student" if place == 0 else "candidate",
                step.name,
                step.layers,
                step.pooling or "–",
                step.state,
                _time(step.seconds),
            )
            for place, step in enumerate(steps)
        ]
        print(listing(("", "model", "layer", "pooling", "state", "about"), rows, empty=""))
        for step in steps:
            if step.fault:
                print(f"\n{step.name}: {step.fault}")
        more = f", and {unknown} model(s) to fetch first" if unknown else ""
        print(f"\nabout {_time(known)} on one core, very roughly{more}; nothing was loaded or fetched.")
    if steps[0].fault:
        return 2
    return 3 if any(step.fault for step in steps) else 0


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
