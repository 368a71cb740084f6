"""AsyncPredictorClient: `PredictorClient` for asyncio, with the same flows, awaited."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack

import grpc.aio
from numpy.typing import NDArray

from client.async_runner import AsyncRunner
from client.calibrations import CalibrationFlows
from client.channel import MAX_MESSAGE_BYTES, check_deadlines, open_channel
from client.credentials import PEM, Credentials
from client.parts import PartFlows
from client.rankings import RankingFlows
from client.server_info import Checked, ServerInfo
from client.transfers import TransferFlows
from predictor.calibration.calibration import Calibration
from predictor.intake.request import Model, Options
from predictor.outcomes.outcome import Outcome
from predictor.outcomes.store import Added
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.results.job import Job
from predictor.results.ranking import Ranking
from predictor.steps import Progress
from predictor.store.entries import StoredFeatures
from predictor.store.manifest import Manifest
from predictor.store.named_features import NamedFeatures


class AsyncPredictorClient:
    """A connection to one server, of the event loop that is running. Use it in an `async with` block, or close it.

    Methods, arguments and errors are those of `client.client.PredictorClient`. Cancelling a task ends its wait and
    not the job, except for `rank` and `rank_steps`, which cancel the job that they made.

    Attributes:
        features: the feature sets stored on the server; see `AsyncFeatureClient`.
        calibrations: measured outcomes and what was fitted on them; see `AsyncCalibrationClient`.
    """

    def __init__(
        self,
        target: str = "localhost:50051",
        *,
        timeout: float = 60.0,
        reconnect_seconds: float = 60.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        token: str | None = None,
        root_certificates: PEM | None = None,
        certificate: PEM | None = None,
        key: PEM | None = None,
        tls: bool | None = None,
    ) -> None:
        check_deadlines(timeout, reconnect_seconds)
        credentials = Credentials(token, root_certificates, certificate, key, tls)
        self._channel = open_channel(target, max_message_bytes, credentials, grpc.aio)
        self._runner = AsyncRunner(target, credentials.headers())
        transfers = TransferFlows(self._channel, target, timeout, reconnect_seconds)
        parts = PartFlows(self._channel, timeout, reconnect_seconds)
        self._flows = RankingFlows(self._channel, transfers, parts, timeout, reconnect_seconds, max_message_bytes)
        self.features = AsyncFeatureClient(transfers, self._runner)
        self.calibrations = AsyncCalibrationClient(CalibrationFlows(self._channel, timeout), self._runner)

    async def __aenter__(self) -> AsyncPredictorClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; jobs go on."""
        self._runner.close()
        await self._channel.close()

    async def rank(
        self, *, strong: Model, weak: Model | Sequence[Model] | Mapping[str, Model] = (), **options: Unpack[Options]
    ) -> Ranking:
        """A ranking by a durable job; cancelling the task cancels the job too."""
        return await self._runner.run(self._flows.rank(strong, weak, options))

    async def rank_steps(
        self, query: RankingQuery, request_id: str | None = None
    ) -> AsyncGenerator[Progress | Ranking, None]:
        """The steps of a new job, and last its ranking. Closing the generator cancels the job."""
        last: list[Ranking] = []
        async with contextlib.aclosing(self._runner.iterate(self._flows.steps(query, request_id), last)) as steps:
            async for step in steps:
                yield step
        yield last[0]

    async def submit(
        self,
        query: RankingQuery,
        request_id: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
        callback_url: str = "",
    ) -> str:
        """A job is made; its id comes back. See PredictorClient.submit."""
        return await self._runner.run(self._flows.submit(query, request_id, labels, timeout, callback_url))

    async def resume(self, job: str, request_id: str | None = None) -> str:
        """A FAILED, CANCELLED or PARTIAL job is run again as a new one; its id comes back."""
        return await self._runner.run(self._flows.resume(job, request_id))

    async def job(self, job: str) -> Job:
        """One job, with its ranking once there is one."""
        return await self._runner.run(self._flows.job(job))

    def jobs(self, filter: str = "", order_by: str = "") -> AsyncGenerator[Job, None]:
        """Jobs without rankings; pages are fetched as they are needed. See PredictorClient.jobs."""
        return self._runner.iterate(self._flows.jobs(filter, order_by))

    async def wait(self, job: str, timeout: float | None = None) -> Job:
        """The job in its terminal state; a wait that is cancelled leaves the job alone."""
        return await self._runner.run(self._flows.wait(job, timeout))

    def watch(self, job: str, after_revision: int = 0) -> AsyncGenerator[Job, None]:
        """Every change of a job after a revision, once and in order, through lost connections; the last one ends it."""
        return self._runner.iterate(self._flows.watch(job, after_revision))

    async def cancel(self, job: str) -> Job:
        """A job is asked to stop."""
        return await self._runner.run(self._flows.cancel(job))

    async def delete(self, job: str) -> None:
        """A job in a terminal state is forgotten."""
        await self._runner.run(self._flows.delete(job))

    async def predict(self, query: RankingQuery) -> Ranking:
        """Arrays are ranked in one call, without a job."""
        return await self._runner.run(self._flows.predict(query))

    async def validate(self, query: RankingQuery) -> Checked:
        """A request is checked without running it."""
        return await self._runner.run(self._flows.validate(query))

    async def server_info(self) -> ServerInfo:
        """Versions, limits and estimators of the server."""
        return await self._runner.run(self._flows.info())

    async def rows(self, strong: Model, weak: Model | Sequence[Model] | Mapping[str, Model]) -> Pool | None:
        """The rows of a request without a pool, by its first feature set; None without a set."""
        return await self._runner.run(self._flows.rows(strong, weak))


class AsyncFeatureClient:
    """The feature sets of one server; see `client.features.FeatureClient`."""

    def __init__(self, flows: TransferFlows, runner: AsyncRunner) -> None:
        self._flows = flows
        self._runner = runner

    async def push(
        self,
        name: str,
        values: NDArray[Any],
        *,
        rows_sha256: str | None = None,
        layer: str | None = None,
        parameters: int | None = None,
        depth: float | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> NamedFeatures:
        """Store an array under a name; what an earlier attempt sent is not sent again."""
        about: dict[str, Any] = {"rows_sha256": rows_sha256, "layer": layer, "parameters": parameters, "depth": depth}
        manifest = await asyncio.to_thread(partial(Manifest.of, name, values, **about, labels=labels))
        return await self._runner.run(self._flows.push(manifest, values))

    def push_steps(self, manifest: Manifest, values: NDArray[Any]) -> AsyncGenerator[Progress, None]:
        """`push`, yielding bytes sent. After a break, the next push goes on from the bytes on the server."""
        return self._runner.iterate(self._flows.push(manifest, values))

    async def pull(self, name: str) -> StoredFeatures:
        """The set of that name, through lost connections."""
        return await self._runner.run(self._flows.pull(name))

    def pull_steps(self, name: str, path: Path) -> AsyncGenerator[Progress, None]:
        """The set of that name into a `.npy` or `.safetensors` file, yielding bytes received."""
        return self._runner.iterate(self._flows.pull_to(name, path))

    def ls(self, filter: str = "", order_by: str = "") -> AsyncGenerator[NamedFeatures, None]:
        """Sets of a filter in an order, or every one in the order of names."""
        return self._runner.iterate(self._flows.ls(filter, order_by))

    async def find(self, name: str) -> NamedFeatures:
        """The set of that name as `ls` shows it."""
        return await self._runner.run(self._flows.find(name))

    async def remove(self, name: str) -> None:
        """A set is forgotten."""
        await self._runner.run(self._flows.remove(name))


class AsyncCalibrationClient:
    """What one server measured and fitted; methods and errors are those of `client.calibrations.CalibrationClient`."""

    def __init__(self, flows: CalibrationFlows, runner: AsyncRunner) -> None:
        self._flows = flows
        self._runner = runner

    async def record(self, outcomes: Sequence[Outcome]) -> Added:
        """Store measured outcomes."""
        return await self._runner.run(self._flows.record(outcomes))

    def outcomes(
        self,
        *,
        task: str | None = None,
        strong: str | None = None,
        recipe: str | None = None,
        filter: str = "",
        order_by: str = "",
    ) -> AsyncGenerator[Outcome, None]:
        """Outcomes of a filter in an order, or every one in the order in which they came."""
        return self._runner.iterate(self._flows.outcomes(task, strong, recipe, filter, order_by))

    async def fit(self, name: str, *, recipe: str | None = None) -> Calibration:
        """Fit a calibration and store it."""
        return await self._runner.run(self._flows.fit(name, recipe))

    async def get(self, reference: str) -> Calibration:
        """The current calibration of a name, or that of `NAME@VERSION`."""
        return await self._runner.run(self._flows.get(reference))

    async def ls(self) -> tuple[Calibration, ...]:
        """The current calibration of every name."""
        return await self._runner.run(self._flows.ls())
