"""`w2s validate`: really train weak → W2S → ceiling on a labelled task, and score every estimator against it."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from client.cli import flags
from client.cli.answer import check_destinations, print_json, write
from client.cli.listing import listing
from client.cli.parser import Commands, add_command
from client.cli.progress import display, follow
from predictor.errors import InputError

if TYPE_CHECKING:
    from predictor.validation import Mean, Validation

EXAMPLE = """\
example:
  w2s validate --strong ./mpnet --weak small=./minilm#layer=1,3,6 --task labelled.jsonl --max-rows 1000
"""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "validate", run, "train for real and score every estimator against it", EXAMPLE)
    flags.add_models(parser)
    flags.add_rows(parser, name="task", required=True)
    parser.add_argument("--label-column", metavar="NAME", default="label", help="column of labels (default: label)")
    parser.add_argument("--splits", metavar="N", type=int, default=12, help="random thirds to train on (default: 12)")
    flags.add_reading(parser)
    flags.add_judging(parser)
    parser.add_argument("-o", "--output", metavar="out.json", help="write the answer as JSON")
    flags.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Validate; 3 where some candidates failed."""
    from predictor.calls import source_of
    from predictor.request import build_query
    from predictor.rows import read_task
    from predictor.validation import validation_steps

    check_destinations(arguments.output)
    pool, labels = read_task(arguments.task, arguments.text_column, arguments.id_column, arguments.label_column)
    asked = flags.query_of(arguments) | {"pool": pool, "labels": labels}
    query = build_query(**asked)  # type: ignore[arg-type]  # each flag has its keyword's type
    if query.labels is None:
        raise InputError("the task has no labels.", reason="NO_LABELS", field="task")
    steps = validation_steps(
        dataclasses.replace(query, labels=None),
        query.labels,
        source_of(query),
        task=arguments.task,
        splits=arguments.splits,
    )
    found = follow(steps, display())
    if arguments.output:
        write(arguments.output, found.to_json() + "\n")
    if arguments.json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 3 if found.failed else 0


def _print(found: Validation) -> None:
    print(f"{found.task} · {found.rows:,} rows · {found.splits} splits · student {found.strong}")
    print("measured errors in units of the label variance, ± standard error over splits\n")
    accuracy = any(one.w2s_accuracy is not None for one in found.trained)
    headings = ["candidate", "W2S error", "gain", "weak error", "PGR", *(["W2S accuracy"] if accuracy else [])]
    rows = [
        [
            one.name,
            _mean(one.w2s_error),
            _mean(one.gain, "+"),
            _mean(one.weak_error),
            _figure(one.pgr),
            *([_mean(one.w2s_accuracy)] if accuracy else []),
        ]
        for one in found.trained
    ]
    print(listing(headings, rows, empty="no candidate was trained"))
    for name, fault in found.failed.items():
        print(f"✗ failed  {name}: {fault.message}")
    print(f"\nceiling   {_mean(found.ceiling_error)}: the student trained on gold labels")
    print(f"ρ limit   {_figure(found.reliability)}: rank correlation of the measured errors with themselves\n")
    headings = ["estimator", "evidence", "ρ error", "ρ gain", "regret", "|error|", "|gain|", "in 90 %"]
    scored = [
        [
            one.estimator,
            one.evidence.replace("_", " "),
            _figure(one.spearman_error),
            _figure(one.spearman_gain),
            _figure(one.regret, 3),
            _figure(one.mae_error, 3),
            _figure(one.mae_gain, 3),
            _figure(one.coverage_error),
        ]
        for one in found.scores
    ]
    print(listing(headings, scored, empty="no estimator was scored"))
    print("\nρ: rank correlation with what was measured, 1 is right; regret: W2S error lost by its first choice;")
    print("|error|, |gain|: mean absolute error of its predictions; in 90 %: share inside its error intervals")


def _mean(mean: Mean | None, sign: str = "") -> str:
    if mean is None:
        return "–"
    more = "" if mean.standard_error is None else f" ± {mean.standard_error:.3f}"
    return f"{mean.value:{sign}.3f}{more}"


def _figure(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
