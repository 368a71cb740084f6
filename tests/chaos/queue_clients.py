"""QueueClients: callers of several servers that share one queue, and what the database saw of their jobs."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from client import PredictorClient
from predictor.errors import CancelledError, DeadlineError, UnavailableError, W2SError
from tests.service.running import arrays

RECORDERS = """
CREATE TABLE ends (id TEXT, state TEXT, result BYTEA);
CREATE FUNCTION count_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO ends VALUES (NEW.id, NEW.state, NEW.ranking); RETURN NEW; END $$;
CREATE TRIGGER count_end AFTER UPDATE ON jobs FOR EACH ROW
  WHEN (NEW.state IN ('SUCCEEDED', 'PARTIAL', 'FAILED', 'CANCELLED')) EXECUTE FUNCTION count_end();
CREATE TABLE signs (seq BIGINT GENERATED ALWAYS AS IDENTITY, id TEXT, owner TEXT, state TEXT, at DOUBLE PRECISION);
CREATE FUNCTION record_sign() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO signs (id, owner, state, at)
    VALUES (NEW.id, NEW.owner, NEW.state, EXTRACT(EPOCH FROM clock_timestamp())); RETURN NEW; END $$;
CREATE TRIGGER record_sign AFTER UPDATE ON jobs FOR EACH ROW
  WHEN (NEW.lease <> OLD.lease OR NEW.state <> OLD.state) EXECUTE FUNCTION record_sign();
"""
"""Tables and triggers for `ended`, and for signs of life of the jobs' servers."""


class Addressed(Protocol):
    """A server of any version."""

    address: str


_GONE = (UnavailableError, DeadlineError, CancelledError)


@contextmanager
def calling(
    servers: Sequence[Addressed], clients: int, rng: random.Random
) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Clients at work during the block: jobs by request id as they were told of them, and what was strange."""
    stop, reported, strange = threading.Event(), dict[str, str](), list[str]()
    threads = [
        threading.Thread(
            target=_use, args=(servers, f"c{number}", random.Random(rng.random()), stop, reported, strange)
        )
        for number in range(clients)
    ]
    for one in threads:
        one.start()
    try:
        yield reported, strange
    finally:
        stop.set()
        for one in threads:
            one.join(120)


def waiting(direct: Any) -> int:
    """Jobs that have not ended."""
    open_ = "SELECT COUNT(*) FROM jobs WHERE state IN ('QUEUED', 'RUNNING', 'CANCELLING')"
    return int(direct.execute(open_).fetchone()[0])


def ended(reported: dict[str, str], direct: Any) -> tuple[dict[str, Any], list[str]]:
    """Counts of the jobs that ended, and what is broken: a job that is lost, or that ended more than once."""
    states = dict(direct.execute("SELECT id, state FROM jobs").fetchall())
    ends = Counter(row[0] for row in direct.execute("SELECT id FROM ends"))
    lost = [name for name in reported.values() if states.get(name) not in ("SUCCEEDED", "CANCELLED")]
    repeated = [name for name, count in ends.items() if count != 1]
    figures = {"jobs": len(states), **Counter(states.values()), "lost": len(lost), "repeated": len(repeated)}
    return figures, [f"{name} is lost" for name in lost] + [f"{name} ended {ends[name]} times" for name in repeated]


def _use(
    servers: Sequence[Addressed],
    name: str,
    rng: random.Random,
    stop: threading.Event,
    reported: dict[str, str],
    strange: list[str],
) -> None:
    """Submit at one server, ask for the same again at another, and wait at a third, as behind a load balancer."""
    number = 0
    while not stop.is_set():
        number += 1
        request_id, query = f"{name}-{number}", arrays(number % 5, rows=rng.choice((60, 200)))
        made: set[str] = set()
        while not stop.is_set():
            with (
                suppress(*_GONE),
                PredictorClient(rng.choice(list(servers)).address, timeout=5, reconnect_seconds=1) as one,
            ):
                try:
                    made.add(one.submit(query, request_id))
                    reported[request_id] = next(iter(made))
                    if rng.random() < 0.1:
                        one.cancel(reported[request_id])
                    if one.wait(reported[request_id]).finished:
                        break
                except W2SError as error:
                    if not isinstance(error, _GONE):
                        strange.append(f"{name}: {error.code} {error.reason}: {error.message}")
                        break
                    raise
            time.sleep(0.05)
        if len(made) > 1:
            strange.append(f"{request_id} made {len(made)} jobs")
