"""Measured: stored outcomes, and calibrations with their backtests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from predictor.calibration.calibration import Calibration
from predictor.outcomes.outcome import Outcome
from protos import convert
from protos.w2s.v1 import calibration_pb2 as pb
from server.http.page.render import render
from server.http.page.visitor import Visitor

SERVICE = "CalibrationService"
PAGE_OUTCOMES = 100
FILTERS = ("task", "strong", "recipe")


@dataclass(frozen=True)
class OutcomesView:
    """One page of outcomes; `next` is the address of the next one, "" on the last."""

    outcomes: Sequence[Outcome]
    chosen: dict[str, str]
    next: str


async def outcomes(visitor: Visitor) -> Response:
    """Outcomes in the order in which they were recorded."""
    asked = visitor.request.query_params
    chosen = {name: asked.get(name, "").strip() for name in FILTERS}
    token = asked.get("page_token", "")
    request = pb.ListOutcomesRequest(page_size=PAGE_OUTCOMES, page_token=token, **chosen)
    answer = await visitor.ask(SERVICE, "ListOutcomes", request)
    found = [convert.outcome_from_proto(one) for one in answer.outcomes]
    further = {**chosen, "page_token": answer.next_page_token} if answer.next_page_token else {}
    return render(visitor, "outcomes.html", OutcomesView(found, chosen, f"?{urlencode(further)}" if further else ""))


async def calibrations(visitor: Visitor) -> Response:
    """Current calibrations with the backtest of every fit."""
    answer = await visitor.ask(SERVICE, "ListCalibrations", pb.ListCalibrationsRequest())
    found: list[Calibration] = [convert.calibration_from_proto(one) for one in answer.calibrations]
    return render(visitor, "calibrations.html", found)
