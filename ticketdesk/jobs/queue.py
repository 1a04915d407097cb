"""The job queue: procrastinate on the same PostgreSQL.

A job is enqueued on the connection of the caller's transaction, so it exists
exactly when what caused it exists. A worker that is killed leaves its job to be
run again, so every task must be safe to run twice.
"""

import functools
from collections.abc import Callable
from typing import Any

import procrastinate
from flask import current_app
from procrastinate import tasks
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy
from procrastinate.tasks import Task

from ticketdesk.extensions import db

# Failed work is tried again after 4, 16, 64, 256 and 1,024 seconds, and then left for a person to decide.
RETRY = procrastinate.RetryStrategy(max_attempts=6, exponential_wait=4)

queue = procrastinate.App(connector=procrastinate.PsycopgConnector())
# While a worker runs, the app's own connector is its asynchronous one, which cannot use the caller's connection.
_into_the_transaction = JobManager(procrastinate.SyncPsycopgConnector())


class TryAgainError(Exception):
    """The work could not be done yet. What the task has written so far is kept; it runs again later."""


def task(name: str, *, retry: BaseRetryStrategy = RETRY) -> Callable[[Callable[..., None]], "Task[..., None, ...]"]:
    """Make a function a task. The worker is its door: each run has its own session and one commit."""

    def decorate(function: Callable[..., None]) -> "Task[..., None, ...]":
        @functools.wraps(function)
        def run(**arguments: Any) -> None:
            with current_app._get_current_object().app_context():  # type: ignore[attr-defined]
                try:
                    function(**arguments)
                except TryAgainError:
                    db.session.commit()
                    raise
                db.session.commit()

        return queue.task(name=name, retry=retry)(run)

    return decorate


def enqueue(job: "Task[Any, Any, Any]", **arguments: Any) -> None:
    """Add a job to the caller's transaction, also from within a job; the arguments must be JSON."""
    options = tasks.configure_task(
        name=job.name,
        job_manager=_into_the_transaction,
        connection=db.session.connection().connection.dbapi_connection,
        queue=job.queue,
        priority=job.priority,
        lock=job.lock,
        queueing_lock=job.queueing_lock,
    )
    options.defer(**arguments)
