"""Losses: the errors of jobs whose attempts ended with their worker or server too often."""

from __future__ import annotations

from predictor.errors import W2SError


def worker_lost(attempts: int) -> W2SError:
    """The error of a job that lost its last allowed attempt with a worker."""
    return W2SError(
        f"{attempts} worker(s) died over this job, most likely for want of memory; ask for fewer rows or smaller "
        "models.",
        reason="WORKER_LOST",
    )


def server_lost(attempts: int) -> W2SError:
    """The error of a job that lost its last allowed attempt with the server itself."""
    return W2SError(
        f"{attempts} attempts at this job ended with their worker or with the server; ask for fewer rows or smaller "
        "models, and ask the operator why the server stopped.",
        reason="WORKER_LOST",
    )
