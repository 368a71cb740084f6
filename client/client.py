"""PredictorClient: rankings from a running server, with the calls and the errors of the predictor itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Unpack

from client.calibrations import CalibrationClient, CalibrationFlows
from client.channel import MAX_MESSAGE_BYTES, check_deadlines, open_channel
from client.credentials import PEM, Credentials
from client.features import FeatureClient
from client.parts import PartFlows
from client.rankings import RankingFlows
from client.server_info import Checked, ServerInfo
from client.sync_runner import SyncRunner
from client.transfers import TransferFlows
from predictor.intake.request import Model, Options
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.results.job import Job
from predictor.results.ranking import Ranking
from predictor.steps import Steps


class PredictorClient:
    """A connection to one server. Use it in a `with` block, or close it.

    Args:
        target: `HOST:PORT` or `unix:/path`.
        timeout: deadline of each call in seconds; a ranking job takes as long as it takes.
        reconnect_seconds: how long a watch tries to get back to a server that went away.
        max_message_bytes: largest message to send; larger requests go out in parts beforehand.
        token: bearer token; it goes out over TLS only, or to this machine.
        root_certificates: authorities of the server's certificate, PEM bytes or a file; None for the system's.
        certificate, key: the client's own, PEM bytes or files, where the server asks for one.
        tls: True or False chooses; None takes TLS where certificates are given or a token leaves this machine.

    Attributes:
        features: the feature sets stored on the server; see `client.features.FeatureClient`.
        calibrations: measured outcomes and what was fitted on them; see `client.calibrations.CalibrationClient`.
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
        self._channel = open_channel(target, max_message_bytes, credentials)
        self._runner = SyncRunner(target, credentials.headers())
        transfers = TransferFlows(self._channel, target, timeout, reconnect_seconds)
        parts = PartFlows(self._channel, timeout, reconnect_seconds)
        self._flows = RankingFlows(self._channel, transfers, parts, timeout, reconnect_seconds, max_message_bytes)
        self._rankings, self._predictor = self._flows.rankings, self._flows.predictor
        self.features = FeatureClient(transfers, self._runner)
        self.calibrations = CalibrationClient(CalibrationFlows(self._channel, timeout), self._runner)

    def __enter__(self) -> PredictorClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; jobs go on. A later call gets a RefusedError."""
        self._runner.close()
        self._channel.close()

    def rank(
        self, *, strong: Model, weak: Model | Sequence[Model] | Mapping[str, Model] = (), **options: Unpack[Options]
    ) -> Ranking:
        """`predictor.rank` on the server, as a durable job: the same keywords, the same ranking, the same errors.

        Raises:
            InputError, NotFoundError, RefusedError, LimitError: as in process.
            UnavailableError: the server cannot be reached.
        """
        return self._runner.run(self._flows.rank(strong, weak, options))

    def rank_steps(self, query: RankingQuery, request_id: str | None = None) -> Steps[Ranking]:
        """Create a job, yield its steps and return its ranking. Closing the generator cancels the job.

        Losing the connection does not: the job goes on, and is watched again from where it was.

        Raises:
            CancelledError: somebody cancelled the job.
            W2SError: why it failed.
        """
        return self._runner.iterate(self._flows.steps(query, request_id))

    def submit(
        self,
        query: RankingQuery,
        request_id: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
        callback_url: str = "",
    ) -> str:
        """Create a job and return its id; the job is on the server's disk then.

        Args:
            query: what to rank.
            request_id: name of this request; repeating it with the same query returns the same job. Fresh where None.
            labels: names and values to find the job by.
            timeout: seconds from now by which the job has to end; None for no bound but the server's.
            callback_url: told once the job has ended; a host that the server's operator allows. Empty for none.

        Raises:
            ConflictError: the request id belongs to another query.
            LimitError: the query is too large, or the queue is full.
        """
        return self._runner.run(self._flows.submit(query, request_id, labels, timeout, callback_url))

    def resume(self, job: str, request_id: str | None = None) -> str:
        """Run the stored request of a FAILED, CANCELLED or PARTIAL job again, as a new job; returns its id.

        The finished job stays as it is: terminal states never change. Features that it computed are found again.

        Raises:
            NotFoundError: no such job.
            RefusedError: it is in another state.
        """
        return self._runner.run(self._flows.resume(job, request_id))

    def job(self, job: str) -> Job:
        """One job, with its ranking once there is one.

        Raises:
            NotFoundError: no such job.
        """
        return self._runner.run(self._flows.job(job))

    def jobs(self, filter: str = "", order_by: str = "") -> Iterator[Job]:
        """Jobs without rankings, newest first; pages are fetched as they are needed.

        Args:
            filter: which of them, as in `state = RUNNING AND labels.team = "vision"`; empty for all.
            order_by: `create_time` or `update_time`, with ` desc` for the latest first.

        Raises:
            InputError: a filter or order of another form.
        """
        return self._runner.iterate(self._flows.jobs(filter, order_by))

    def wait(self, job: str, timeout: float | None = None) -> Job:
        """The job in its terminal state.

        Args:
            job: its id.
            timeout: seconds; None waits as long as it takes.

        Raises:
            NotFoundError: no such job.
            DeadlineError: the time is over first.
        """
        return self._runner.run(self._flows.wait(job, timeout))

    def watch(self, job: str, after_revision: int = 0) -> Iterator[Job]:
        """Every change of a job after a revision, the terminal one last and with the ranking.

        A lost connection is taken up again after the last revision seen.

        Raises:
            NotFoundError: no such job.
            UnavailableError: the server stayed away for `reconnect_seconds`.
        """
        return self._runner.iterate(self._flows.watch(job, after_revision))

    def cancel(self, job: str) -> Job:
        """Ask a job to stop; it is CANCELLED within about two seconds, unless it had ended before.

        Raises:
            NotFoundError: no such job.
        """
        return self._runner.run(self._flows.cancel(job))

    def delete(self, job: str) -> None:
        """Forget a job in a terminal state.

        Raises:
            NotFoundError: no such job.
            RefusedError: it has not ended; cancel it first.
        """
        self._runner.run(self._flows.delete(job))

    def predict(self, query: RankingQuery) -> Ranking:
        """Rank arrays in one call, without a job. Nothing of it is stored.

        Raises:
            InputError: a model that is no array.
            LimitError: more numbers than the server takes at once; use `rank_steps`.
        """
        return self._runner.run(self._flows.predict(query))

    def validate(self, query: RankingQuery) -> Checked:
        """Have a request checked without running it: shapes, names, limits. Models are not opened.

        Raises:
            InputError, LimitError: as `submit` would.
        """
        return self._runner.run(self._flows.validate(query))

    def server_info(self) -> ServerInfo:
        """Versions, limits and estimators of the server."""
        return self._runner.run(self._flows.info())

    def rows(self, strong: Model, weak: Model | Sequence[Model] | Mapping[str, Model]) -> Pool | None:
        """The rows of a request without a pool: as many as its first feature set has here; None without a set.

        Raises:
            NotFoundError: the server has no such set.
        """
        return self._runner.run(self._flows.rows(strong, weak))
