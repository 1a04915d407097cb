"""Bringing the queue into states that take time, or an accident."""

import sqlalchemy as sa

from ticketdesk.extensions import db
from ticketdesk.jobs import worker
from ticketdesk.jobs.queue import enqueue


def make_due() -> None:
    """Let the time pass until the next attempt of every waiting job."""
    db.session.execute(sa.text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"))
    db.session.commit()


def lose_worker() -> None:
    """Leave every job as a killed worker does, under way beside an old sign of life, and have such looked for."""
    dead = db.session.scalar(
        sa.text(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '10 minutes') RETURNING id"
        )
    )
    db.session.execute(
        sa.text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :dead, attempts = 1"), {"dead": dead}
    )
    enqueue(worker.requeue_stalled, timestamp=0)
    db.session.commit()
