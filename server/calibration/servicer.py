"""CalibrationServicer: decode, call, encode. The contract of each method is in protos/w2s/v1/calibration.proto."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar

from predictor.calibration.calibration import check_name
from predictor.errors import LimitError, NotFoundError, UnavailableError
from predictor.outcomes.outcome import Outcome
from predictor.outcomes.store import FIELDS
from predictor.results.selection import Selection, page_after
from protos import convert
from protos.w2s.v1 import calibration_pb2 as pb
from protos.w2s.v1 import calibration_pb2_grpc, query_pb2
from server.access.caller import current_tenant
from server.calibration.stores import TenantStores
from server.config import Limits
from server.pages import bad_page_token, page_size
from server.usage import TenantUsage
from server.workforce.fitting import FitWorkers

_MARK = re.compile("outcomes:([0-9]{1,12}):([0-9a-f]{64})")
_MAX_CHARACTERS = 1024
T = TypeVar("T")


class CalibrationServicer(calibration_pb2_grpc.CalibrationServiceServicer):
    """See protos/w2s/v1/calibration.proto. Files are touched by threads; what is fitted, by workers."""

    def __init__(self, stores: TenantStores, fits: FitWorkers, usage: TenantUsage, limits: Limits) -> None:
        self._stores = stores
        self._usage = usage
        self._fits = fits
        self._limits = limits

    async def RecordOutcomes(  # noqa: N802  # RPC name
        self, request: pb.RecordOutcomesRequest, context: Any
    ) -> pb.RecordOutcomesResponse:
        """See protos/w2s/v1/calibration.proto."""
        max_outcomes = self._limits.max_page_outcomes
        if len(request.outcomes) > max_outcomes:
            raise LimitError(
                f"{len(request.outcomes)} outcomes in one call; this server takes at most {max_outcomes}. Send them in "
                "parts.",
                reason="OVER_LIMIT",
                field="outcomes",
            )
        store, usage = self._stores.outcomes(current_tenant()), await self._usage.of(current_tenant())
        usage.check(request.ByteSize(), "outcomes")

        def record() -> pb.RecordOutcomesResponse:
            outcomes = [_outcome(one, place) for place, one in enumerate(request.outcomes)]
            added = store.add(outcomes, self._limits.tenant_outcomes)
            return pb.RecordOutcomesResponse(recorded=added.recorded, repeated=added.repeated)

        return await self._run(record)

    async def ListOutcomes(self, request: pb.ListOutcomesRequest, context: Any) -> pb.ListOutcomesResponse:  # noqa: N802
        """See protos/w2s/v1/calibration.proto."""
        size = page_size(request.page_size, self._limits.max_page_outcomes)
        store = self._stores.outcomes(current_tenant())
        wanted = {name: getattr(request, name) or None for name in ("task", "strong", "recipe")}

        selection = Selection.parse(request.filter, request.order_by, FIELDS)

        def page() -> pb.ListOutcomesResponse:
            token = request.page_token
            if selection != Selection():
                chosen = selection.of(store.read(**wanted))
                found = page_after(chosen, token, lambda one: one.id, bad_page_token(token))[: size + 1]
            else:
                try:
                    found = list(store.read(after=token or None, size=size + 1, **wanted))
                except NotFoundError as error:
                    raise bad_page_token(token) from error
            token = found[size - 1].id if len(found) > size else ""
            shown = [convert.outcome_to_proto(one) for one in found[:size]]
            return pb.ListOutcomesResponse(outcomes=shown, next_page_token=token)

        return await self._run(page)

    async def FitCalibration(self, request: pb.FitCalibrationRequest, context: Any) -> pb.FitCalibrationResponse:  # noqa: N802
        """See protos/w2s/v1/calibration.proto."""
        tenant = current_tenant()
        check_name(request.name)
        (await self._usage.of(tenant)).check(0)
        try:
            fitted = await self._fits.fit(request.SerializeToString(), tenant)
        except (LimitError, UnavailableError) as error:
            raise _without_place(error) from error
        await self._run(lambda: self._stores.put(tenant, fitted))
        return pb.FitCalibrationResponse(calibration=convert.calibration_to_proto(fitted))

    async def GetCalibration(self, request: pb.GetCalibrationRequest, context: Any) -> pb.GetCalibrationResponse:  # noqa: N802
        """See protos/w2s/v1/calibration.proto."""
        store = self._stores.calibrations(current_tenant())
        found = await self._run(lambda: store.get(request.name))
        return pb.GetCalibrationResponse(calibration=convert.calibration_to_proto(found))

    async def ListCalibrations(  # noqa: N802
        self, request: pb.ListCalibrationsRequest, context: Any
    ) -> pb.ListCalibrationsResponse:
        """See protos/w2s/v1/calibration.proto."""
        store = self._stores.calibrations(current_tenant())
        found = await self._run(store.ls)
        return pb.ListCalibrationsResponse(calibrations=[convert.calibration_to_proto(one) for one in found])

    async def attached(self, query: query_pb2.RankingQuery) -> bytes:
        """What the query needs beside itself: a query with the caller's calibration and outcomes alone, as asked for.

        Serialised messages that follow each other are read as one.

        Raises:
            NotFoundError: the query names one that the caller does not have.
        """
        query.ClearField("calibration")
        query.ClearField("past_outcomes")
        added, tenant, asked = query_pb2.RankingQuery(), current_tenant(), query.settings
        if asked.HasField("calibration"):
            calibrations = self._stores.calibrations(tenant)
            found = await self._run(lambda: calibrations.get(asked.calibration))
            added.calibration.CopyFrom(convert.calibration_to_proto(found))
        if asked.HasField("past_outcomes"):
            names = [name for spec in query.weak for name in (spec.name, spec.reference)]
            outcomes = self._stores.outcomes(tenant)
            past = await self._run(lambda: outcomes.of_candidates(asked.past_outcomes, names))
            added.past_outcomes.extend(convert.outcome_to_proto(one) for one in past)
        return added.SerializeToString(deterministic=True)

    async def _run(self, act: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(act)
        except (LimitError, UnavailableError) as error:
            raise _without_place(error) from error


def _without_place(error: LimitError | UnavailableError) -> LimitError | UnavailableError:
    """A disk error without the server's own paths; other errors unchanged."""
    if error.reason == "STORAGE_FULL":
        return LimitError(
            "the server's disk is full; nothing was stored. Ask its operator to free some space.", reason=error.reason
        )
    if error.reason == "STORAGE_UNWRITABLE":
        return UnavailableError(
            "the server cannot read or write its outcomes; ask its operator to look at the disk.", reason=error.reason
        )
    if error.reason == "OUTCOMES_DAMAGED":
        return UnavailableError(
            "the server's file of outcomes is damaged; ask its operator to restore it.", reason=error.reason
        )
    if error.reason == "OUTCOMES_OLD":
        return UnavailableError(
            "the server has outcomes of an older version; ask its operator to take them over with w2s outcomes import.",
            reason=error.reason,
        )
    return error


def _outcome(message: pb.Outcome, place: int) -> Outcome:
    with convert.fields_under(f"outcomes[{place}]"):
        return convert.outcome_from_proto(message)
