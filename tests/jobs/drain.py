"""Running the waiting jobs inside a test's transaction, which a worker of its own could not see."""

import sqlalchemy as sa

from ticketdesk.extensions import db
from ticketdesk.jobs.queue import queue


def run_jobs(times: int = 1) -> list[str]:
    """Run every job that waits, ``times`` times as after a worker's death, and return their names in order."""
    rows = db.session.execute(
        sa.text("SELECT id, task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
    ).all()
    for row in rows:
        for _ in range(times):
            queue.tasks[row.task_name](**row.args)
        db.session.execute(sa.text("DELETE FROM procrastinate_jobs WHERE id = :id"), {"id": row.id})
    db.session.commit()
    db.session.expire_all()
    return [row.task_name for row in rows]
