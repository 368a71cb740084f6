"""Losses: the errors of jobs that were lost too often, or whose time is over."""

from __future__ import annotations

from predictor.errors import DeadlineError, W2SError


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


def deadline_over() -> W2SError:
    """The error of a job whose own deadline is over."""
    return DeadlineError(
        "the job did not end within the timeout that it was created with; give it more, or ask for fewer rows.",
        reason="JOB_DEADLINE",
    )
