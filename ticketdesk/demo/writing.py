"""Writing demo tickets into a desk, by COPY through the same tables, constraints and triggers as all others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, cast

import orjson
from psycopg import Connection, Cursor, sql
from sqlalchemy import exists, func, select, text

from ticketdesk.ai.local import LocalEngine
from ticketdesk.core.vocabulary import Status
from ticketdesk.demo.lives import Life, lives
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Event, EventKind, Ticket

BATCH = 2_000

_TICKET = (
    *("id", "title", "description", "requester_name", "requester_email", "category", "category_set_by"),
    *("priority", "priority_set_by", "status", "resolved_at", "version", "created_at", "updated_at"),
)
_EVENT = ("ticket_id", "kind", "actor_kind", "actor_label", "data", "created_at")
_SUGGESTION = (
    *("ticket_id", "occasion", "engine", "model", "category", "priority", "category_confidence"),
    *("priority_confidence", "guesses", "words", "took_ms", "chosen_category", "chosen_priority", "created_at"),
)
# The sequence gives out every id once, so that a ticket that is opened meanwhile gets another.
_IDS = text("SELECT nextval(pg_get_serial_sequence('ticket', 'id')) FROM generate_series(1, :count)")


def count_real_tickets() -> int:
    """How many of the desk's tickets are not demo tickets; it may take seconds on a desk of a million."""
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    made_up = exists().where(
        Event.ticket_id == Ticket.id, Event.kind == EventKind.CREATED, Event.data.contains({"demo": True})
    )
    return db.session.scalar(select(func.count()).select_from(Ticket).where(~made_up)) or 0


def fill(tickets: int, *, seed: int, now: datetime) -> Iterator[Counter[Status]]:
    """Write demo tickets into the caller's transaction, and say after each batch how many there were by status.

    Nothing follows from them: no job, no mail, and the engines learn nothing from made-up decisions.
    """
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    driver = cast("Connection[Any]", db.session.connection().connection.dbapi_connection)
    stories = lives(tickets, seed=seed, now=now)
    with driver.cursor() as cursor:
        for start in range(0, tickets, BATCH):
            ids = sorted(db.session.scalars(_IDS, {"count": min(BATCH, tickets - start)}))
            batch: list[tuple[int, Life]] = []
            _copy(cursor, Ticket.__tablename__, _TICKET, _tickets(ids, stories, batch))
            _copy(cursor, Event.__tablename__, _EVENT, _events(batch))
            _copy(cursor, AiSuggestion.__tablename__, _SUGGESTION, _suggestions(batch))
            yield Counter(life.status for _, life in batch)
        # What the planner knows of the tables was learned when they were smaller.
        cursor.execute("ANALYZE ticket, event, ai_suggestion")


def _copy(cursor: Cursor[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    command = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)


def _tickets(ids: Iterable[int], stories: Iterator[Life], batch: list[tuple[int, Life]]) -> Iterator[Sequence[Any]]:
    """The rows of the next stories, which are made up while PostgreSQL takes in those before; ``batch`` keeps them."""
    for ticket_id, life in zip(ids, stories, strict=False):
        batch.append((ticket_id, life))
        yield (
            ticket_id,
            life.title,
            life.description,
            life.requester.name,
            life.requester.email,
            life.category,
            life.category_set_by,
            life.priority,
            life.priority_set_by,
            life.status,
            life.resolved_at,
            life.version,
            life.created_at,
            life.updated_at,
        )


def _events(batch: Iterable[tuple[int, Life]]) -> Iterator[Sequence[Any]]:
    for ticket_id, life in batch:
        for kind, actor, data, at in life.events:
            yield ticket_id, kind, actor.kind, actor.label, orjson.dumps(data).decode(), at


def _suggestions(batch: Iterable[tuple[int, Life]]) -> Iterator[Sequence[Any]]:
    for ticket_id, life in batch:
        made = life.proposal
        if made is None:
            continue
        yield (
            ticket_id,
            made.occasion,
            LocalEngine.name,
            LocalEngine.model,
            made.category,
            made.priority,
            made.category_confidence,
            made.priority_confidence,
            orjson.dumps(made.guesses).decode(),
            orjson.dumps(made.words).decode(),
            made.took_ms,
            made.chosen_category,
            made.chosen_priority,
            made.created_at,
        )
