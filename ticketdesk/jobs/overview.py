"""Looking at the job queue, and giving a failed job another chance."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from procrastinate import sql
from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError

from ticketdesk.core import clock
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.extensions import db

PAGE_SIZE = 50


class JobStatus(StrEnum):
    """Procrastinate's words for where a job stands."""

    TODO = "todo"
    DOING = "doing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABORTED = "aborted"


_PAGE = text(
    """
    SELECT job.id, job.task_name, job.args, job.status::text AS status, job.attempts, job.scheduled_at,
        (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id AND type <> 'scheduled') AS last_at
    FROM procrastinate_jobs AS job
    WHERE (CAST(:status AS text) IS NULL OR job.status::text = :status)
        AND (CAST(:before AS bigint) IS NULL OR job.id < :before)
    ORDER BY job.id DESC
    LIMIT :most
    """
)
_COUNTS = text("SELECT status::text AS status, count(*) AS jobs FROM procrastinate_jobs GROUP BY status")
_STATUS = text("SELECT status::text FROM procrastinate_jobs WHERE id = :id FOR UPDATE")


def page(
    status: JobStatus | None = None, *, before: int | None = None, limit: int = PAGE_SIZE
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Jobs with the newest first, those with an id below ``before``; ``last_at`` is when something last happened."""
    return db.session.execute(_PAGE, {"status": status, "before": before, "most": limit}).all()


def counts() -> dict[JobStatus, int]:
    """How many jobs there are, by status."""
    rows = db.session.execute(_COUNTS)
    return dict.fromkeys(JobStatus, 0) | {JobStatus(row.status): row.jobs for row in rows if row.status in [*JobStatus]}


def retry(job_id: int) -> None:
    """Put a failed job back into the queue.

    Raises:
        NotFound: there is no such job.
        Conflict: the job has not failed, or an equal one waits already.
    """
    status = db.session.scalar(_STATUS, {"id": job_id})
    if status is None:
        raise NotFound("There is no such job; finished jobs are forgotten after some days.")
    if status != JobStatus.FAILED:
        raise Conflict("Only a failed job can be run again; this one has changed meanwhile.")
    new = {"job_id": job_id, "retry_at": clock.now(), "new_priority": None, "new_queue_name": None, "new_lock": None}
    try:
        db.session.connection().exec_driver_sql(sql.queries["retry_job"], new)
    except IntegrityError as error:
        raise Conflict("An equal job waits in the queue already, so this one is not needed.") from error
