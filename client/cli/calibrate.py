"""`w2s calibrate`: fits corrections of predictions to measured outcomes, and prints the backtest."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from client.cli.flags import add_json, add_server
from client.cli.listing import listing
from client.cli.output import print_json
from client.cli.parser import Commands, add_command
from predictor.errors import InputError

if TYPE_CHECKING:
    from predictor.calibration.calibration import Calibration, Fit

DETAILS = """\
Needs outcomes with predictions from at least four tasks: w2s validate --record stores them, and so do w2s outcomes add
--ranking and w2s outcomes import. Use it as w2s rank --calibration NAME.

examples:
  w2s calibrate heads
  w2s calibrate adapters --recipe lora
  w2s calibrate heads --show
"""
TARGETS = {"w2s_error": "W2S error", "gain": "gain", "accuracy_gain": "gain in accuracy"}
NOTES = """\
slope: measured units per predicted unit; 0: the prediction has no information, and every candidate gets the mean.
MAE: mean absolute error on left-out tasks, beside that of the mean of the other tasks and of the prediction as
it was. inside: share of measurements in the 90 % interval, made without their task.
order ρ: mean rank correlation (Spearman) with measurements on tasks left out, beside that of the prediction as it was.
known: weak models with a random effect from past tasks, which corrects their predictions and so the order."""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "calibrate", run, "fit corrections of predictions to measured outcomes", DETAILS)
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="name of the calibration; with --show also NAME@VERSION"
    )
    parser.add_argument("--recipe", metavar="NAME", help="use only outcomes of this recipe")
    parser.add_argument("--show", action="store_true", help="show a stored calibration instead of fitting one")
    parser.add_argument("--ls", action="store_true", help="list stored calibrations")
    add_json(parser)
    add_server(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fit, show or list."""
    if arguments.ls:
        return _ls(arguments)
    if not arguments.name:
        raise InputError("no NAME given; name the calibration, or list the stored ones with --ls.", reason="BAD_USAGE")
    found = _show(arguments) if arguments.show else _fit(arguments)
    if arguments.json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 0


def _fit(arguments: argparse.Namespace) -> Calibration:
    if arguments.server:
        from client.cli.connection import connect

        with connect(arguments) as client:
            return client.calibrations.fit(arguments.name, recipe=arguments.recipe)
    from predictor.calibration.calibrate import calibrate
    from predictor.calibration.store import CalibrationStore
    from predictor.outcomes.store import OutcomeStore

    fitted = calibrate(arguments.name, OutcomeStore().read(), recipe=arguments.recipe)
    CalibrationStore().put(fitted)
    return fitted


def _show(arguments: argparse.Namespace) -> Calibration:
    if arguments.server:
        from client.cli.connection import connect

        with connect(arguments) as client:
            return client.calibrations.get(arguments.name)
    from predictor.calibration.store import CalibrationStore

    return CalibrationStore().get(arguments.name)


def _ls(arguments: argparse.Namespace) -> int:
    if arguments.server:
        from client.cli.connection import connect

        with connect(arguments) as client:
            found = client.calibrations.ls()
    else:
        from predictor.calibration.store import CalibrationStore

        found = CalibrationStore().ls()
    if arguments.json:
        print_json([one.to_dict() for one in found])
        return 0
    rows = [
        (one.name, one.version, one.made_on, one.recipe, str(len(one.tasks)), ", ".join(one.tasks)) for one in found
    ]
    print(listing(("name", "version", "made on", "recipe", "tasks", ""), rows, empty="no calibrations are stored"))
    return 0


def _print(found: Calibration) -> None:
    print(f"{found.reference} · recipe {found.recipe} · {len(found.tasks)} tasks: {', '.join(found.tasks)}\n")
    headings = (
        "predicted by",
        "of",
        "tasks",
        "outcomes",
        "slope",
        "MAE",
        "of the mean",
        "as predicted",
        "inside",
        "order ρ",
        "ρ as predicted",
        "known",
        "unit",
    )
    print(listing(headings, [_row(fit) for fit in found.fits], empty="nothing"))
    print(f"\n{NOTES}\n\nuse it: w2s rank --calibration {found.name} …")


def _row(fit: Fit) -> tuple[str, ...]:
    tested, digits = fit.backtest, 3 if fit.target != "accuracy_gain" else 2
    as_predicted = tested.mae_as_predicted
    return (
        fit.estimator,
        TARGETS[fit.target],
        str(fit.line.tasks),
        str(fit.line.outcomes),
        f"{fit.line.slope:.2f}",
        f"{tested.mae:.{digits}f}",
        f"{tested.mae_mean:.{digits}f}",
        "–" if as_predicted is None else f"{as_predicted:.{digits}f}",
        f"{tested.coverage:.0%}",
        _correlation(tested.order),
        _correlation(tested.order_as_predicted),
        str(len(fit.random_effects)),
        fit.unit,
    )


def _correlation(rho: float | None) -> str:
    return "–" if rho is None else f"{rho:.2f}"
