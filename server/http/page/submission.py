"""Submission: the form that asks for a ranking."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from predictor.errors import InputError, W2SError
from predictor.intake.describing import describers_of, descriptions_of
from predictor.intake.rows import read_rows
from predictor.intake.separated import lines_of
from predictor.intake.tables import COMPRESSED
from predictor.query.model_spec import ModelSpec, read_spec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import RankBy, Settings
from protos import convert
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.config import Config
from server.http.calls import CallError
from server.http.page.offered import OfferedModel, offered
from server.http.page.render import render
from server.http.page.visitor import Visitor
from server.workforce.model_sources import ModelSources

ROWS_FILES = (".txt", ".jsonl", ".csv", ".tsv")
RANK_BY: dict[str, RankBy | None] = {"": None, "accuracy": "accuracy", "w2s_error": "w2s_error", "gain": "gain"}


@dataclass(frozen=True)
class Filled:
    """What a form holds, as text; `weak` are the candidates that were ticked, `more` those that were typed."""

    strong: str = ""
    weak: tuple[str, ...] = ()
    more: str = ""
    rows: str = ""
    describe: str = ""
    rank_by: str = ""
    name: str = ""


@dataclass(frozen=True)
class SubmissionView:
    """The form: the models to choose from, the sources that others may come from, and what was wrong."""

    models: Sequence[OfferedModel]
    sources: Sequence[str]
    filled: Filled = field(default_factory=Filled)
    problem: str = ""


async def show(visitor: Visitor, config: Config) -> Response:
    """The empty form."""
    return render(visitor, "submit.html", SubmissionView(await offered(visitor, config.sources), config.sources))


async def submit(visitor: Visitor, config: Config) -> Response:
    """Ask for the job that the form describes; the form again, where it describes none."""
    models = await offered(visitor, config.sources)  # before the form is read: who is not known gets no further
    form = await visitor.form(config.limits.max_message_bytes)
    filled = _filled(form)
    try:
        file = await _file(form)
        query = await asyncio.to_thread(_query, filled, file, models, config)
        request = pb.CreateRankingJobRequest(request_id=str(form.get("once")), query=convert.query_to_proto(query))
        if filled.name:
            request.labels["name"] = filled.name
        answer = await visitor.ask("RankingService", "CreateRankingJob", request)
    except (W2SError, CallError) as error:
        reported = convert.error_from_status(error.status) if isinstance(error, CallError) else error
        view = SubmissionView(models, config.sources, filled, reported.message)
        return render(visitor, "submit.html", view, status=400)
    return RedirectResponse(f"/jobs/{answer.job.id}", 303)


def _filled(form: FormData) -> Filled:
    def text(name: str) -> str:
        value = form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    ticked = tuple(value for value in form.getlist("weak") if isinstance(value, str))
    return Filled(text("strong"), ticked, text("more"), text("rows"), text("describe"), text("rank_by"), text("name"))


async def _file(form: FormData) -> tuple[str, bytes] | None:
    sent = form.get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        return None
    return sent.filename, await sent.read()


def _query(
    filled: Filled, file: tuple[str, bytes] | None, models: Sequence[OfferedModel], config: Config
) -> RankingQuery:
    """The request of a form.

    Raises:
        InputError: a field that cannot be, named as in a request.
        ForbiddenError: a model of a source that this server does not read.
    """
    known = {text: one for one in models for text in (one.reference, one.name)}
    strong = _spec(filled.strong, known, "strong")
    typed = [line.strip() for line in lines_of(filled.more) if line.strip()] if filled.more else []
    weak = tuple(_spec(text, known, "weak") for text in (*filled.weak, *typed))
    sources = ModelSources.parse(config.sources)
    for spec in (strong, *weak):
        sources.check(spec.reference)
    pool = _pool(filled.rows, file, (strong, *weak), models)
    described = descriptions_of([line for line in lines_of(filled.describe) if line.strip()]) if filled.describe else ()
    remote = [spec for spec in (strong, *weak) if spec.parsed.kind != "folder"]
    describers = describers_of(None, remote, described=bool(described), texts=bool(pool.texts))
    if filled.rank_by not in RANK_BY:
        raise InputError(
            f"rank_by is {filled.rank_by[:50]!r}; it must be one of {', '.join(filter(None, RANK_BY))}.",
            reason="BAD_VALUE",
            field="rank_by",
        )
    settings = Settings(rank_by=RANK_BY[filled.rank_by])
    return RankingQuery(strong, weak, pool, settings=settings, descriptions=described, describers=describers)


def _spec(text: str, known: dict[str, OfferedModel], field: str) -> ModelSpec:
    if not text:
        raise InputError("choose a strong model.", reason="MISSING_FIELD", field=field)
    if text not in known:
        return read_spec(text)
    return replace(read_spec(known[text].reference), name=known[text].name)


def _pool(
    typed: str, file: tuple[str, bytes] | None, specs: Sequence[ModelSpec], models: Sequence[OfferedModel]
) -> Pool:
    """The rows, from the file, else the field; where feature sets alone are named, as many as the student has."""
    if file is not None:
        return _read(*file)
    if typed:
        return Pool.of([line for line in lines_of(typed) if line.strip()])
    rows = {one.reference: one.rows for one in models}
    if all(rows.get(spec.reference) for spec in specs):
        return Pool.numbered(rows[specs[0].reference])
    raise InputError(
        "give rows, one a line or as a file: a model that is no feature set has to read them.",
        reason="MISSING_FIELD",
        field="pool",
    )


def _read(name: str, raw: bytes) -> Pool:
    suffix = Path(name).suffix.lower()
    if suffix not in ROWS_FILES or raw.startswith(tuple(COMPRESSED)):
        raise InputError(
            f"rows are read here from {', '.join(ROWS_FILES)} files that are not compressed; w2s rank --server reads "
            "more.",
            reason="UNKNOWN_FILE_KIND",
            field="pool",
        )
    with tempfile.TemporaryDirectory(prefix="w2s-rows-") as folder:
        path = Path(folder) / f"rows{suffix}"
        path.write_bytes(raw)
        try:
            return read_rows(path)
        except W2SError as error:
            raise type(error)(
                error.message.replace(str(path), "the file"), reason=error.reason, field="pool"
            ) from error
