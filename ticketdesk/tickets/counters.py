"""The counters of tickets: what they hold, and looking after them."""

import structlog
from sqlalchemy import Subquery, select, text, union_all

from ticketdesk.extensions import db
from ticketdesk.jobs.queue import queue, task
from ticketdesk.models.count import ticket_delta, ticket_total

log = structlog.get_logger(__name__)

_WRONG = text(
    """
    WITH counted AS (
        SELECT category, priority, status, (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS tickets
        FROM ticket WHERE gone_at IS NULL GROUP BY 1, 2, 3, 4
    ), kinds AS (
        SELECT category, priority, status, tickets FROM counted
        UNION ALL SELECT category, priority, status, -tickets FROM ticket_total
        UNION ALL SELECT category, priority, status, -tickets FROM ticket_delta
    ), days AS (
        SELECT day, tickets FROM counted
        UNION ALL SELECT day, -tickets FROM ticket_day
        UNION ALL SELECT day, -tickets FROM ticket_delta
    )
    SELECT (SELECT count(*) FROM (SELECT FROM kinds GROUP BY category, priority, status HAVING sum(tickets) <> 0))
         + (SELECT count(*) FROM (SELECT FROM days GROUP BY day HAVING sum(tickets) <> 0))
    """
)

_REBUILD = (
    # Writers wait and readers do not; at a million tickets it takes about half a second.
    "LOCK TABLE ticket IN SHARE MODE",
    "DELETE FROM ticket_delta",
    "DELETE FROM ticket_total",
    "DELETE FROM ticket_day",
    "INSERT INTO ticket_total SELECT category, priority, status, count(*) FROM ticket WHERE gone_at IS NULL"
    " GROUP BY 1, 2, 3",
    "INSERT INTO ticket_day SELECT (created_at AT TIME ZONE 'UTC')::date, count(*) FROM ticket WHERE gone_at IS NULL"
    " GROUP BY 1",
)


def kinds() -> Subquery:
    """Rows whose ``tickets`` add up to how many are present of each category, priority and status."""
    return union_all(
        select(ticket_total.c.category, ticket_total.c.priority, ticket_total.c.status, ticket_total.c.tickets),
        select(ticket_delta.c.category, ticket_delta.c.priority, ticket_delta.c.status, ticket_delta.c.tickets),
    ).subquery("kinds")


def fold() -> bool:
    """Fold the appended changes into the totals; False where another transaction is doing it."""
    return bool(db.session.scalar(text("SELECT ticket_fold()")))


def wrong() -> int:
    """How many counters differ from a full count; one snapshot serves both, so writers do not matter."""
    return db.session.scalar(_WRONG) or 0


def rebuild() -> None:
    """Count all tickets that are present anew."""
    for statement in _REBUILD:
        db.session.execute(text(statement))


@queue.periodic(cron="* * * * *")
@task("counters.fold")
def fold_regularly(timestamp: int) -> None:
    """Fold what the last writers left; on a busy desk the writers themselves do most of it."""
    fold()


@queue.periodic(cron="23 3 * * *")
@task("counters.verify")
def verify(timestamp: int) -> None:
    """Compare the counters with a full count each night, and put right what should never be wrong."""
    if differences := wrong():
        log.error("counters_were_wrong", differences=differences)
        rebuild()
