"""`w2s jobs`: lists, shows, watches and changes ranking jobs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from client.cli.destinations import check_destinations
from client.cli.flags import add_json, add_listing, add_output, add_server
from client.cli.listing import listing
from client.cli.output import finish, print_json, print_table
from client.cli.parser import Commands, add_command
from client.cli.progress import display, follow
from predictor.errors import CancelledError, W2SError
from predictor.results.job import Job
from predictor.steps import Steps

if TYPE_CHECKING:
    from client.client import PredictorClient


def add(commands: Commands) -> None:
    """Declare the subcommand and its verbs."""
    parser = commands.add_parser("jobs", help="list, show, watch, cancel, resume and remove jobs")
    verbs: Commands = parser.add_subparsers(metavar="VERB", required=True)
    listed = add_command(verbs, "ls", ls, "list jobs, newest first")
    listed.add_argument("--last", metavar="N", type=int, default=50, help="maximum number of jobs (default: 50)")
    add_listing(listed, "state = RUNNING AND labels.team = vision", "update_time")
    add_json(listed)
    add_server(listed)
    for name, run, summary in (
        ("show", show, "show the state of a job, and its ranking once there is one"),
        ("watch", watch, "follow a job to its end and print its ranking; Ctrl-C does not cancel the job"),
        ("cancel", cancel, "cancel a job"),
        ("resume", resume, "run a failed, cancelled or partial job again, as a new job"),
        ("rm", remove, "delete a job that has ended"),
    ):
        verb = add_command(verbs, name, run, summary)
        verb.add_argument("job", metavar="ID")
        if name == "watch":
            add_output(verb)
        else:
            add_json(verb)
        add_server(verb)


def ls(arguments: argparse.Namespace) -> int:
    """List jobs."""
    with _client(arguments) as client:
        found = list(islice(client.jobs(arguments.filter, arguments.order_by), max(0, arguments.last)))
    if arguments.json:
        print_json([job.to_dict() for job in found])
        return 0
    rows = [(job.id, job.state, _when(job.created), _when(job.updated), _status(job)) for job in found]
    print(listing(("job", "state", "created", "changed", ""), rows, empty="no jobs"))
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show one job."""
    with _client(arguments) as client:
        job = client.job(arguments.job)
    if arguments.json:
        print_json(job.to_dict())
        return 0
    print(f"{job.id}  {job.state}  created {_when(job.created)}, changed {_when(job.updated)}  {_status(job)}".rstrip())
    if job.ranking is not None:
        print()
        print_table(job.ranking)
    return 0


def watch(arguments: argparse.Namespace) -> int:
    """Follow one job and answer as `w2s rank` would; Ctrl-C ends the watch and not the job."""
    check_destinations(arguments)
    try:
        with _client(arguments) as client:
            job = follow(_steps(client, arguments.job), display())
    except KeyboardInterrupt:
        from client.cli.connection import where

        again = f"w2s jobs watch {arguments.job}{where(arguments)}"
        print(f"w2s: stopped watching; the job goes on. Watch it again with {again}.", file=sys.stderr)
        return 130
    if job.ranking is None:
        raise job.error or CancelledError(
            f"job {job.id} was cancelled; w2s jobs resume {job.id} runs it again.", reason="JOB_CANCELLED"
        )
    return finish(job.ranking, arguments)


def cancel(arguments: argparse.Namespace) -> int:
    """Cancel one job."""
    return _print_job(arguments, lambda client: client.cancel(arguments.job))


def resume(arguments: argparse.Namespace) -> int:
    """Run one job again."""
    with _client(arguments) as client:
        job = client.resume(arguments.job)
    if arguments.json:
        print_json({"job": job})
    else:
        print(job)
    return 0


def remove(arguments: argparse.Namespace) -> int:
    """Delete one job."""
    with _client(arguments) as client:
        client.delete(arguments.job)
    if arguments.json:
        print_json({"removed": arguments.job})
    else:
        print(f"removed {arguments.job}")
    return 0


def _client(arguments: argparse.Namespace) -> PredictorClient:
    from client.cli.connection import connect

    return connect(arguments)


def _print_job(arguments: argparse.Namespace, call: Callable[[PredictorClient], Job]) -> int:
    with _client(arguments) as client:
        job = call(client)
    if arguments.json:
        print_json(job.to_dict())
    else:
        print(f"{job.id}  {job.state}")
    return 0


def _steps(client: PredictorClient, name: str) -> Steps[Job]:
    last: Job | None = None
    for last in client.watch(name):
        if last.progress is not None:
            yield last.progress
    if last is None:
        raise W2SError(f"the server sent no state of job {name}; try again.", reason="NO_ANSWER")
    return last


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _status(job: Job) -> str:
    if job.error is not None:
        return job.error.message
    if job.progress is not None and not job.finished:
        step = job.progress
        return f"{step.candidate or 'all candidates'}: {step.phase} {step.done:,}/{step.total:,}"
    return ""
