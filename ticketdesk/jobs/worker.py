"""The worker process: runs jobs, and puts back those that a killed worker left behind."""

import asyncio
import contextlib
import signal

import procrastinate
import psycopg
import structlog
from flask import Flask
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from sqlalchemy import text

from ticketdesk.extensions import PATIENCE, Timeouts, conninfo, db
from ticketdesk.jobs.queue import queue, task

log = structlog.get_logger(__name__)

NAME = "ticketdesk worker"
"""How the database knows the connections of a worker that takes jobs."""
TIMEOUTS = Timeouts(statement=900, lock=60, idle=300)
"""What a job's statements may take: a full count of many tickets has the time it needs."""
CONCURRENCY = 4
# Seconds. A short absence of the database is waited out where a connection is asked for, a longer one between tries.
CONNECTION_WAIT, RETRY_WAIT = 5.0, 1.0
# A worker reports every 10 s; one that has been silent this long is gone.
STALLED_AFTER = 30.0
KEEP_FINISHED_HOURS = 72


def run(app: Flask, *, wait: bool = True) -> None:
    """Run jobs until the process is told to stop, or, without ``wait``, until none is due.

    Jobs under way are finished first. While the database is away, the worker waits for it.

    Raises:
        psycopg.OperationalError, procrastinate.exceptions.ConnectorException: without ``wait``, the database is away.
    """
    with app.app_context(), contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_work(app.config["SQLALCHEMY_DATABASE_URI"], wait=wait))


async def _work(url: str, *, wait: bool) -> None:
    this = asyncio.current_task()
    assert this is not None  # noqa: S101  (a coroutine always runs in a task)
    if wait:
        for how in (signal.SIGINT, signal.SIGTERM):
            # Cancelled, procrastinate's worker finishes the jobs under way.
            asyncio.get_running_loop().add_signal_handler(how, this.cancel)
    while True:
        try:
            await _work_once(url, wait=wait)
        except (psycopg.OperationalError, ConnectorException) as error:
            if not wait:
                raise
            log.warning("worker_without_database", reason=str(error.__cause__ or error))
        # It comes back without having been told to stop where a part of it lost the database; the log has which.
        if not wait or this.cancelling():
            return
        await asyncio.sleep(RETRY_WAIT)


async def _work_once(url: str, *, wait: bool) -> None:
    """Run jobs until told to stop, or until the database goes away."""
    connector = procrastinate.PsycopgConnector(
        conninfo=conninfo(url),
        kwargs={**PATIENCE, "application_name": NAME, "options": TIMEOUTS.as_options(url)},
        min_size=1,
        max_size=CONCURRENCY + 2,
        timeout=CONNECTION_WAIT,
    )
    with queue.replace_connector(connector) as opened:
        async with opened.open_async():
            log.info("worker_takes_jobs", at_once=CONCURRENCY)
            await opened.run_worker_async(
                wait=wait,
                concurrency=CONCURRENCY,
                stalled_worker_timeout=STALLED_AFTER,
                shutdown_graceful_timeout=20,
                install_signal_handlers=False,
            )


@queue.periodic(cron="* * * * *")
@queue.task(name="jobs.requeue_stalled", pass_context=True, queueing_lock="jobs.requeue_stalled")
async def requeue_stalled(context: JobContext, timestamp: int) -> None:
    """Put back every job whose worker no longer reports."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
        await manager.retry_job(job)


@queue.periodic(cron="17 * * * *")
@queue.task(name="jobs.remove_finished", pass_context=True, queueing_lock="jobs.remove_finished")
async def remove_finished(context: JobContext, timestamp: int) -> None:
    """Forget jobs that succeeded some days ago; failed ones stay until someone decides."""
    await context.app.job_manager.delete_old_jobs(nb_hours=KEEP_FINISHED_HOURS)


@queue.periodic(cron="27 * * * *")
@task("jobs.sweep")
def sweep(timestamp: int) -> None:
    """Forget idempotency keys after a day, ended rate-limit windows and the engines' answers of an hour ago."""
    db.session.execute(text("DELETE FROM idempotency_key WHERE created_at < now() - interval '24 hours'"))
    db.session.execute(text("DELETE FROM rate_limit WHERE expires_at < now()"))
    db.session.execute(text("DELETE FROM ai_earlier_answer WHERE answered_at < now() - interval '1 hour'"))
