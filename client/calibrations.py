"""CalibrationClient: measured outcomes and calibrations on a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from client.flows import Call, Emit, Flow
from client.sync_runner import SyncRunner
from predictor.calibration.calibration import Calibration
from predictor.outcomes.outcome import Outcome
from predictor.outcomes.store import Added
from protos import convert
from protos.w2s.v1 import calibration_pb2 as pb
from protos.w2s.v1 import calibration_pb2_grpc

_BATCH = 500
"""Outcomes in one call."""


class CalibrationFlows:
    """Every exchange about outcomes and calibrations, for the blocking and the asyncio client.

    Args:
        channel: of grpc or grpc.aio.
        timeout: deadline of a call in seconds.
    """

    def __init__(self, channel: Any, timeout: float) -> None:
        self._stub = calibration_pb2_grpc.CalibrationServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._timeout = timeout

    def record(self, outcomes: Sequence[Outcome]) -> Flow[Added]:
        """Store outcomes, some hundreds a call."""
        recorded = repeated = 0
        for start in range(0, len(outcomes), _BATCH):
            batch = [convert.outcome_to_proto(one) for one in outcomes[start : start + _BATCH]]
            request = pb.RecordOutcomesRequest(outcomes=batch)
            answer = yield Call(self._stub.RecordOutcomes, request, self._timeout)
            recorded, repeated = recorded + answer.recorded, repeated + answer.repeated
        return Added(recorded, repeated)

    def outcomes(
        self, task: str | None, strong: str | None, recipe: str | None, filter: str = "", order_by: str = ""
    ) -> Flow[None]:
        """Every outcome of a filter is reported, in an order; pages are fetched as they are needed."""
        request = pb.ListOutcomesRequest(
            task=task or "", strong=strong or "", recipe=recipe or "", filter=filter, order_by=order_by
        )
        while True:
            page = yield Call(self._stub.ListOutcomes, request, self._timeout)
            for outcome in page.outcomes:
                yield Emit(convert.outcome_from_proto(outcome))
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def fit(self, name: str, recipe: str | None) -> Flow[Calibration]:
        """Fit a calibration and store it."""
        request = pb.FitCalibrationRequest(name=name, recipe=recipe or "")
        answer = yield Call(self._stub.FitCalibration, request, self._timeout)
        return convert.calibration_from_proto(answer.calibration)

    def get(self, reference: str) -> Flow[Calibration]:
        """One calibration."""
        answer = yield Call(self._stub.GetCalibration, pb.GetCalibrationRequest(name=reference), self._timeout)
        return convert.calibration_from_proto(answer.calibration)

    def ls(self) -> Flow[tuple[Calibration, ...]]:
        """The current calibration of every name."""
        answer = yield Call(self._stub.ListCalibrations, pb.ListCalibrationsRequest(), self._timeout)
        return tuple(convert.calibration_from_proto(one) for one in answer.calibrations)


class CalibrationClient:
    """What one server measured and fitted; `PredictorClient.calibrations` is one."""

    def __init__(self, flows: CalibrationFlows, runner: SyncRunner) -> None:
        self._flows = flows
        self._runner = runner

    def record(self, outcomes: Sequence[Outcome]) -> Added:
        """Store measured outcomes; those already stored are counted and ignored, so that it is safe to repeat.

        Raises:
            InputError: one that is none.
            LimitError: more than the server allows.
        """
        return self._runner.run(self._flows.record(outcomes))

    def outcomes(
        self,
        *,
        task: str | None = None,
        strong: str | None = None,
        recipe: str | None = None,
        filter: str = "",
        order_by: str = "",
    ) -> Iterator[Outcome]:
        """Outcomes in the order in which they came, of one task, strong model or recipe where one is named.

        Args:
            task, strong, recipe: names, or None for every one.
            filter: further terms joined by AND, as in `weak = "small-*" AND w2s_error < 0.2`.
            order_by: a field such as `w2s_error desc`, for another order.

        Raises:
            InputError: a text of another form.
        """
        return self._runner.iterate(self._flows.outcomes(task, strong, recipe, filter, order_by))

    def fit(self, name: str, *, recipe: str | None = None) -> Calibration:
        """Fit a calibration on the outcomes stored there, and store it for `rank(calibration=NAME)`.

        Raises:
            InputError: a bad name, several recipes, or too few tasks.
        """
        return self._runner.run(self._flows.fit(name, recipe))

    def get(self, reference: str) -> Calibration:
        """The current calibration of a name, or that of `NAME@VERSION`.

        Raises:
            NotFoundError: there is none.
        """
        return self._runner.run(self._flows.get(reference))

    def ls(self) -> tuple[Calibration, ...]:
        """The current calibration of every name, in the order of names."""
        return self._runner.run(self._flows.ls())
