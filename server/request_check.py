"""RequestCheck: assembles a query from its parts and checks it against the limits before anything is stored."""

from __future__ import annotations

import asyncio

from predictor.errors import LimitError
from predictor.query.query import RankingQuery
from protos import convert
from protos.parts import attach, references
from protos.w2s.v1 import query_pb2
from server.config import Limits
from server.parts.store import PartStore
from server.workforce.costs import check_query

_LARGE_AT_ONCE = 1
"""Requests in parts that are put together at a time: each takes several times its bytes of this process' memory."""


class RequestCheck:
    """Checks queries in threads, since a large one would block the event loop."""

    def __init__(self, parts: PartStore, limits: Limits) -> None:
        self._parts = parts
        self._limits = limits
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def query(self, message: query_pb2.RankingQuery, tenant: str) -> RankingQuery:
        """The query of a tenant's message.

        Raises:
            InputError: a part of it is missing, malformed or contradicts another.
            NotFoundError: it refers to a part that is not here.
            LimitError: it is more than this server would ever run.
        """
        wanted = references(message)
        if not wanted:
            return await asyncio.to_thread(self._check, message)
        async with self._large:
            return await asyncio.to_thread(self._whole, message, tenant, wanted)

    def _whole(self, message: query_pb2.RankingQuery, tenant: str, wanted: list[str]) -> RankingQuery:
        # A part counts once a reference, since each reference is a copy in memory.
        size, max_bytes = sum(self._parts.size(tenant, sha256) for sha256 in wanted), self._limits.max_request_bytes
        if size > max_bytes:
            raise LimitError(
                f"the parts of the request have {size} bytes; this server takes at most {max_bytes}. Give fewer "
                "rows with "
                "--max-rows, or push features with w2s features push.",
                reason="OVER_LIMIT",
                field="part",
            )
        return self._check(attach(message, lambda sha256: self._parts.read(tenant, sha256)))

    def _check(self, message: query_pb2.RankingQuery) -> RankingQuery:
        with convert.query_paths():
            query = convert.query_from_proto(message)
            check_query(query, self._limits)
            return query
