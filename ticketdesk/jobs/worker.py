"""The worker process: runs jobs, and puts back those that a killed worker left behind."""

import procrastinate
from flask import Flask
from procrastinate.job_context import JobContext
from sqlalchemy import make_url, text

from ticketdesk.extensions import db
from ticketdesk.jobs.queue import queue, task

CONCURRENCY = 4
# A worker reports every 10 s; one that has been silent this long is gone.
STALLED_AFTER = 30.0
KEEP_FINISHED_HOURS = 72


def run(app: Flask, *, wait: bool = True) -> None:
    """Run jobs until the process is told to stop, or, without ``wait``, until none is due.

    Jobs under way are finished first.
    """
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"]).set(drivername="postgresql")
    connector = procrastinate.PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False), min_size=1, max_size=CONCURRENCY + 2
    )
    with app.app_context(), queue.replace_connector(connector) as opened:
        opened.run_worker(
            wait=wait, concurrency=CONCURRENCY, stalled_worker_timeout=STALLED_AFTER, shutdown_graceful_timeout=20
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
