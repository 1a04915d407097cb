"""Clearing up: contents without a row, rows that waited too long, and telling of rows without a content."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, select, text

from ticketdesk.attachments.storage import SHARDS, Stored, current_storage
from ticketdesk.attachments.waiting import HOURS
from ticketdesk.extensions import db
from ticketdesk.models import Attachment

log = structlog.get_logger(__name__)

# A row is written moments after its content. Once a content is older by this than every transaction that is open, its
# row is there or never will be.
GRACE = timedelta(hours=1)
_OLDEST_TRANSACTION = text(
    "SELECT least(min(xact_start), now()) FROM pg_stat_activity WHERE datname = current_database()"
)
TOLD_MOST = 20


def sweep() -> None:
    """Clear up, and say in the log what was cleared and what is missing."""
    storage = current_storage()
    cleared, missing = 0, []
    for shard in SHARDS:
        # In this order: a row that is written after the listing is not missed, and one of before it is seen.
        settled = db.session.execute(_OLDEST_TRANSACTION).scalar_one() - GRACE
        db.session.rollback()
        stored = list(storage.stored(shard))
        rows = _rows(shard)
        orphans = [file.key for file in stored if file.changed_at < settled and file.key[:32] not in rows]
        storage.delete(orphans)
        cleared += len(orphans)
        missing += _missing(rows, stored, settled)
    if cleared:
        log.info("attachments_cleared", count=cleared)
    if missing:
        log.error("attachments_missing", count=len(missing), keys=missing[:TOLD_MOST])
    # Last, so that no content goes whose row comes back because this is rolled back; the next run finds theirs.
    db.session.execute(
        delete(Attachment).where(
            Attachment.message_id.is_(None),
            Attachment.ticket_id.is_(None),
            Attachment.created_at < func.now() - timedelta(hours=HOURS + 1),
        )
    )


def _rows(shard: str) -> dict[str, datetime]:
    """The keys of a shard that have a row, and when it was written."""
    found = db.session.execute(
        select(Attachment.key, Attachment.created_at).where(Attachment.key >= shard, Attachment.key < f"{shard}g")
    ).all()
    # The store may take its time; no transaction stays open meanwhile.
    db.session.rollback()
    return {row.key: row.created_at for row in found}


def _missing(rows: dict[str, datetime], stored: Sequence[Stored], settled: datetime) -> list[str]:
    there = {file.key for file in stored}
    return [key for key, written_at in rows.items() if written_at < settled and key not in there]
