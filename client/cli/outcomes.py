"""`w2s outcomes`: stores measured W2S trainings for `w2s calibrate`, here or with `--server` on a server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from client.cli.flags import add_json, add_listing, add_server
from client.cli.listing import listing
from client.cli.output import print_json
from client.cli.parser import Collect, Commands, Parser, add_command
from predictor.errors import InputError

if TYPE_CHECKING:
    from predictor.outcomes.outcome import Outcome
    from predictor.outcomes.store import Added

ADD = """\
examples:
  w2s outcomes add out.json                       the file of w2s validate -o
  w2s outcomes add --task sst2 --strong ./mpnet --weak small=./minilm --weak-accuracy 0.71 --w2s-accuracy 0.76 \\
                   --recipe lora --ranking ranking.json
"""
IMPORT = """\
Reads a .csv, .tsv, .parquet or .jsonl with one run a row (columns task, strong, weak, w2s_error or w2s_accuracy, any
other field that w2s outcomes ls --json shows, and predicted.ESTIMATOR.value and predicted.ESTIMATOR.gain), the .json
of w2s validate, result folders of openai/weak-to-strong and EleutherAI/w2s, and tables of published runs whose columns
are known, with teachers and ceilings in rows of their own.
"""
NUMBERS = {
    "weak-error": "error of the teacher on fresh rows",
    "w2s-error": "error of the student trained on the teacher's labels",
    "ceiling-error": "error of the student trained on gold labels",
    "weak-accuracy": "accuracy of the teacher, 0 to 1",
    "w2s-accuracy": "accuracy of the student, 0 to 1",
    "ceiling-accuracy": "accuracy of the student trained on gold labels, 0 to 1",
    "standard-error": "standard error of the student's error",
}


def add(commands: Commands) -> None:
    """Declare the subcommand and its verbs."""
    parser = commands.add_parser("outcomes", help="store and list measured trainings, for w2s calibrate")
    verbs: Commands = parser.add_subparsers(metavar="VERB", required=True)
    adding = add_command(verbs, "add", run_add, "store one measured training, or those of w2s validate", ADD)
    adding.add_argument("file", metavar="FILE", nargs="?", help="JSON of w2s validate -o, in place of the flags")
    _add_fields(adding)
    importing = add_command(verbs, "import", run_import, "store trainings that other code measured", IMPORT)
    importing.add_argument("path", metavar="FOLDER|FILE")
    importing.add_argument("--task", metavar="NAME", help="name of the task, where the source gives none or another")
    listed = add_command(verbs, "ls", run_ls, "list stored outcomes")
    for name in ("task", "strong", "recipe"):
        listed.add_argument(f"--{name}", metavar="NAME", help=f"only outcomes of this {name}")
    add_listing(listed, 'weak = "small-*" AND w2s_error < 0.2', "w2s_error")
    for verb in (adding, importing, listed):
        add_json(verb)
        add_server(verb)


def _add_fields(parser: Parser) -> None:
    group = parser.add_argument_group("the run")
    for name, about in (("task", "the task"), ("strong", "the student"), ("weak", "its teacher")):
        group.add_argument(f"--{name}", metavar="NAME", help=f"name of {about}")
    group.add_argument("--recipe", metavar="NAME", default="ridge", help="how it was trained (default: ridge)")
    group.add_argument("--loss", metavar="NAME", default="", help="loss that the student minimised")
    group.add_argument(
        "--label-form", choices=("soft", "hard"), default="soft", help="form of the weak labels (default: soft)"
    )
    group.add_argument(
        "--unit",
        choices=("label variance", "log-loss", "error rate"),
        default="label variance",
        help="of the errors (default: label variance)",
    )
    for name, about in NUMBERS.items():
        group.add_argument(f"--{name}", metavar="X", type=float, help=about)
    group.add_argument("--seeds", metavar="N", type=int, default=1, help="number of averaged runs (default: 1)")
    group.add_argument("--rows", metavar="N", type=int, default=0, help="rows of the task")
    group.add_argument("--measured-on", metavar="DATE", default="", help="as 2025-01-31 (default: unknown)")
    group.add_argument("--origin", metavar="TEXT", default="", help="source of the numbers")
    group.add_argument(
        "--ranking", metavar="FILE", help="JSON of w2s rank -o made beforehand: what it predicted of this candidate"
    )
    group.add_argument(
        "--predicted",
        metavar="ESTIMATOR=ERROR,GAIN",
        action=Collect,
        nargs="+",
        help="what an estimator predicted, in label variance",
    )


def run_add(arguments: argparse.Namespace) -> int:
    """Store the outcome of the flags, or those of a file."""
    if arguments.file:
        from predictor.outcomes.importing.detect import import_outcomes

        outcomes: tuple[Outcome, ...] = import_outcomes(arguments.file, task=arguments.task).outcomes
    else:
        outcomes = (_outcome_of(arguments),)
    return _report(_record(outcomes, arguments), arguments)


def run_import(arguments: argparse.Namespace) -> int:
    """Store what other code measured, and report what could not be used."""
    from predictor.outcomes.importing.detect import import_outcomes

    found = import_outcomes(arguments.path, task=arguments.task)
    for sentence in (*found.unpaired, *found.notes):
        print(f"w2s: warning: {sentence}", file=sys.stderr)
    if not found.outcomes:
        why = found.unpaired[0] if found.unpaired else "it is empty."
        raise InputError(f"{arguments.path} ({found.kind}) gave no outcome: {why}", reason="NO_OUTCOME")
    print(f"w2s: read as {found.kind}: {len(found.outcomes)} outcome(s)", file=sys.stderr)
    return _report(
        _record(found.outcomes, arguments), arguments, unpaired=list(found.unpaired), notes=list(found.notes)
    )


def run_ls(arguments: argparse.Namespace) -> int:
    """List outcomes."""
    wanted = {name: getattr(arguments, name) for name in ("task", "strong", "recipe")}
    if arguments.server:
        from client.cli.connection import connect

        with connect(arguments) as client:
            more = {"filter": arguments.filter, "order_by": arguments.order_by}
            outcomes: Iterable[Outcome] = tuple(client.calibrations.outcomes(**wanted, **more))
    else:
        from predictor.outcomes.store import FIELDS, OutcomeStore
        from predictor.results.selection import Selection

        outcomes = Selection.parse(arguments.filter, arguments.order_by, FIELDS).of(OutcomeStore().read(**wanted))
    if arguments.json:
        print_json([{"id": one.id, **one.to_dict()} for one in outcomes])
        return 0
    headings = ("task", "strong", "recipe", "W2S error", "gain", "accuracy", "points", "PGR", "predicted", "weak")
    print(listing(headings, [_row(one) for one in outcomes], empty="no outcomes are stored"))
    return 0


def _outcome_of(arguments: argparse.Namespace) -> Outcome:
    from predictor.outcomes.outcome import Outcome, predictions_in

    missing = next((name for name in ("task", "strong", "weak") if not getattr(arguments, name)), None)
    if missing is not None:
        raise InputError(f"--{missing} is missing; name it, or give the JSON of w2s validate.", reason="BAD_USAGE")
    predicted = predictions_in(_object(arguments.ranking), arguments.weak) if arguments.ranking else {}
    predicted = {**predicted, **dict(_predicted(text) for text in arguments.predicted or ())}
    names = ("task", "strong", "weak", "recipe", "loss", "label_form", "unit", "seeds", "rows", "measured_on", "origin")
    numbers = [name.replace("-", "_") for name in NUMBERS]
    return Outcome(**{name: getattr(arguments, name) for name in (*names, *numbers)}, predicted=predicted)


def _predicted(text: str) -> tuple[str, dict[str, float]]:
    estimator, _, numbers = text.partition("=")
    stated, _, gain = numbers.partition(",")
    try:
        found = {"value": float(stated)} | ({"gain": float(gain)} if gain else {})
    except ValueError as error:
        raise InputError(
            f"--predicted is {text!r}; give ESTIMATOR=ERROR,GAIN, as truth_posterior=0.41,0.03.", reason="BAD_USAGE"
        ) from error
    return estimator, found


def _object(path: str) -> dict[str, Any]:
    from pathlib import Path

    from predictor.outcomes.importing.runs import read_object

    return read_object(Path(path))


def _record(outcomes: tuple[Outcome, ...], arguments: argparse.Namespace) -> Added:
    if arguments.server:
        from client.cli.connection import connect

        with connect(arguments) as client:
            return client.calibrations.record(outcomes)
    from predictor.outcomes.store import OutcomeStore

    return OutcomeStore().add(outcomes)


def _report(added: Added, arguments: argparse.Namespace, **more: object) -> int:
    if arguments.json:
        print_json({"recorded": added.recorded, "repeated": added.repeated, **more})
    else:
        print(f"{added.recorded} outcome(s) recorded, {added.repeated} known before")
    return 0


def _row(one: Outcome) -> tuple[str, ...]:
    def shown(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, form)

    return (
        one.task,
        one.strong,
        one.recipe,
        shown(one.w2s_error, ".3f"),
        shown(one.gain, "+.3f"),
        shown(one.w2s_accuracy, ".1%"),
        shown(one.accuracy_gain, "+.1f"),
        shown(one.pgr, ".2f"),
        "yes" if one.predicted else "–",
        one.weak,
    )
