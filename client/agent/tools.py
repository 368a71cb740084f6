"""Tools: what an agent can ask, each with its arguments, and how it is answered."""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from client.agent.tool import Answer, Report, Tool
from client.cli import flags
from client.cli.connection import connect
from client.cli.parser import Commands, Parser
from predictor.errors import CancelledError, NotFoundError
from predictor.results.job import Job
from predictor.results.ranking import Ranking
from predictor.steps import Steps, drain

WAIT_SECONDS = 300.0
"""Time after which `rank` returns its job unfinished, unless the caller asks for another."""

LONG = ("estimates", "diagnostics", "timings", "fingerprint", "spectrum", "provenance", "key_order")
"""Fields of a ranking that an agent is given only where it asks for details."""


def tools() -> dict[str, Tool]:
    """Name -> tool, in the order in which agents see them."""
    return {tool.name: tool for tool in _tools()}


def _tools() -> Iterator[Tool]:
    yield Tool(
        "plan",
        "What `rank` would read, and how long it would take on this machine, before anything is run. Same arguments.",
        _subcommand("rank"),
        _plan,
    )
    rank = _subcommand("rank")
    rank.add_argument(
        "--wait-seconds",
        type=float,
        default=WAIT_SECONDS,
        help="time to wait for the answer (default: 300); after it the job id is returned, and `job` has the answer",
    )
    _add_details(rank)
    yield Tool(
        "rank",
        "Rank weak supervisors (models, their layers, or finished labels) for a strong model before any weak-to-strong "
        "training: predicted accuracy, error and gain of the student, P(best), and whether the order is separable "
        "from chance. Works without labels; give class descriptions, proxies, weak labels or some gold labels where "
        "you have them. Runs as a job that survives this call.",
        rank,
        _rank,
        changes=True,
    )
    predict = _subcommand("predict")
    _add_details(predict)
    yield Tool(
        "predict", "`rank` for arrays of features that already exist (.npy, .safetensors); at once.", predict, _predict
    )
    yield Tool(
        "validate",
        "Really train weak heads, students and ceilings on a labelled task, and compare every estimator's order with "
        "the measured one. Minutes for small models.",
        _subcommand("validate"),
        _validate,
    )
    yield Tool(
        "jobs", "The newest jobs: id, state, times.", _plain("last", type=int, default=20, help="how many"), _jobs
    )
    one = _plain("job", required=True, help="id of the job")
    _add_details(one)
    yield Tool("job", "State of a job; its ranking once there is one.", one, _job)
    yield Tool("cancel_job", "Cancel a job.", _plain("job", required=True, help="id of the job"), _cancel, changes=True)
    yield Tool(
        "report",
        "The whole answer of a finished job as Markdown, for a pull request or a notebook.",
        _plain("job", required=True, help="id of the job"),
        _report,
    )
    yield Tool(
        "models", "Models of package registries that are known to work, with their references.", Parser(), _models
    )
    yield Tool(
        "estimators", "Estimators: what each predicts, which evidence it needs, and its source.", Parser(), _estimators
    )


def _subcommand(name: str) -> argparse.ArgumentParser:
    commands: Commands = Parser(prog="w2s").add_subparsers(parser_class=Parser)
    importlib.import_module(f"client.cli.{name}").add(commands)
    return commands.choices[name]


def _plain(name: str, **options: Any) -> Parser:
    """A parser with one flag."""
    parser = Parser(prog="w2s")
    parser.add_argument(f"--{name}", **options)
    flags.add_server(parser)
    return parser


def _add_details(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--details", action="store_true", help="return every estimate, diagnostic and the provenance as well"
    )


def _plan(arguments: argparse.Namespace, report: Report) -> Answer:
    from client.cli.plan import plan_of
    from predictor.intake.request import build_query

    planned = plan_of(build_query(**flags.query_of(arguments)))  # type: ignore[arg-type]  # each flag has its keyword's type
    return Answer(planned.text, planned.to_dict())


def _rank(arguments: argparse.Namespace, report: Report) -> Answer:
    from predictor.intake.request import build_query

    query = build_query(**flags.query_of(arguments), remote=bool(arguments.server))  # type: ignore[arg-type]  # as above
    end = time.monotonic() + arguments.wait_seconds
    with connect(arguments) as client:
        name = client.submit(query)
        with closing(client.watch(name)) as changes:  # type: ignore[type-var]  # a generator, though typed as an iterator
            for job in changes:
                if job.progress is not None:
                    report(job.progress)
                if job.finished:
                    return _answer_of(job, arguments.details)
                if time.monotonic() > end:
                    break
    return Answer(
        f"job {name} goes on; ask for it with the tool job.", {"job": name, "state": "RUNNING", "ranking": None}
    )


def _answer_of(job: Job, details: bool) -> Answer:
    """Of a finished job.

    Raises:
        W2SError: why it failed, or that it was cancelled.
    """
    if job.ranking is None:
        raise job.error or CancelledError(f"job {job.id} was cancelled.", reason="JOB_CANCELLED")
    return Answer(_text(job.ranking), {"job": job.id, "state": job.state, "ranking": _brief(job.ranking, details)})


def _predict(arguments: argparse.Namespace, report: Report) -> Answer:
    from client.cli.execute import steps_of
    from client.cli.predict import source
    from predictor.intake.request import build_query

    query = build_query(**flags.query_of(arguments))  # type: ignore[arg-type]  # as above
    ranking: Ranking = _drain(steps_of(query, arguments, source), report)
    return Answer(_text(ranking), {"job": None, "state": "SUCCEEDED", "ranking": _brief(ranking, arguments.details)})


def _validate(arguments: argparse.Namespace, report: Report) -> Answer:
    from client.cli.validate import steps_of
    from predictor.validation.tables import markdown

    found = _drain(steps_of(arguments), report)
    return Answer(markdown(found), found.to_dict())


def _drain(steps: Steps[Any], report: Report) -> Any:
    with closing(steps):
        return drain(steps, report)


def _jobs(arguments: argparse.Namespace, report: Report) -> Answer:
    with connect(arguments) as client:
        found = [job for _, job in zip(range(max(0, arguments.last)), client.jobs(), strict=False)]
    text = "\n".join(f"{job.id}  {job.state}  {job.created:%Y-%m-%d %H:%M}" for job in found) or "no jobs"
    return Answer(text, {"jobs": [{k: v for k, v in job.to_dict().items() if k != "ranking"} for job in found]})


def _job(arguments: argparse.Namespace, report: Report) -> Answer:
    with connect(arguments) as client:
        job = client.job(arguments.job)
    if job.finished and job.ranking is not None:
        return _answer_of(job, arguments.details)
    return Answer(f"job {job.id}: {job.state}", {"job": job.id, "state": job.state, "ranking": None} | _failure(job))


def _failure(job: Job) -> dict[str, Any]:
    error = job.error
    return {} if error is None else {"error": {"reason": error.reason, "message": error.message}}


def _cancel(arguments: argparse.Namespace, report: Report) -> Answer:
    with connect(arguments) as client:
        job = client.cancel(arguments.job)
    return Answer(f"job {job.id}: {job.state}", {"job": job.id, "state": job.state})


def _report(arguments: argparse.Namespace, report: Report) -> Answer:
    from predictor.results.markdown import markdown

    with connect(arguments) as client:
        job = client.job(arguments.job)
    if job.ranking is None:
        raise NotFoundError(
            f"job {job.id} is {job.state} and has no answer; wait for it with the tool job.",
            reason="NO_RANKING",
            field="job",
        )
    text = markdown(job.ranking)
    return Answer(text, {"job": job.id, "markdown": text})


def _models(arguments: argparse.Namespace, report: Report) -> Answer:
    from predictor.models.known_models import KNOWN_MODELS

    found = [{"name": m.name, "reads": m.reads, "layers": m.layers, "reference": m.pinned} for m in KNOWN_MODELS]
    return Answer("\n".join(f"{one['name']}: {one['reference']}" for one in found), {"models": found})


def _estimators(arguments: argparse.Namespace, report: Report) -> Answer:
    from client.cli.ls import estimators

    found = estimators()
    return Answer("\n".join(f"{one['name']}: {one['summary']}" for one in found), {"estimators": found})


def _text(ranking: Ranking) -> str:
    from predictor.results.table import table

    return table(ranking, 110)


def _brief(ranking: Ranking, details: bool) -> dict[str, Any]:
    """The ranking as JSON without its long fields, or whole."""
    whole = ranking.to_dict()
    if details:
        return whole
    short = {name: value for name, value in whole.items() if name not in LONG}
    short["strong"] = {name: value for name, value in whole["strong"].items() if name not in LONG}
    short["candidates"] = [
        {name: value for name, value in candidate.items() if name not in LONG} for candidate in whole["candidates"]
    ]
    return short
