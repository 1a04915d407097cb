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
from ticketdesk.demo.life import Life
from ticketdesk.demo.lives import TAGS, lives
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Event, EventKind, Message, Staff, Ticket
from ticketdesk.tickets import conversation, tags

BATCH = 2_000

_TICKET = (
    *("id", "title", "description", "requester_name", "requester_email", "category", "category_set_by"),
    *("priority", "priority_set_by", "status", "assignee_id", "tags", "first_response_at", "resolved_at"),
    *("rating", "rating_comment", "rated_at", "version", "created_at", "updated_at"),
)
_EVENT = ("ticket_id", "kind", "actor_kind", "actor_label", "data", "created_at")
_MESSAGE = (*("id", "ticket_id", "kind", "channel", "author_kind", "author_label", "body", "message_id", "created_at"),)
_SUGGESTION = (
    *("ticket_id", "occasion", "engine", "model", "category", "priority", "category_confidence"),
    *("priority_confidence", "guesses", "words", "took_ms", "chosen_category", "chosen_priority", "created_at"),
)
# The sequence gives out every id once, so that a ticket that is opened meanwhile gets another.
_IDS = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)")


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
    # Tickets keep the times and the versions of their stories while their messages are added to them.
    for setting in ("statement_timeout = 0", "ticketdesk.importing = 'on'"):
        db.session.execute(text(f"SET LOCAL {setting}"))
    tags.remember(TAGS)
    staff = db.session.execute(select(Staff.id, Staff.name).where(Staff.active).order_by(Staff.id)).all()
    driver = cast("Connection[Any]", db.session.connection().connection.dbapi_connection)
    stories = lives(tickets, seed=seed, now=now, staff=[(row.id, row.name) for row in staff])
    with driver.cursor() as cursor:
        for start in range(0, tickets, BATCH):
            ids = _ids(Ticket.__tablename__, min(BATCH, tickets - start))
            batch: list[tuple[int, Life]] = []
            _copy(cursor, Ticket.__tablename__, _TICKET, _tickets(ids, stories, batch))
            # First, because what happened names what was said.
            numbers = _ids(Message.__tablename__, sum(len(life.messages) for _, life in batch))
            _copy(cursor, Message.__tablename__, _MESSAGE, _messages(numbers, batch))
            _copy(cursor, Event.__tablename__, _EVENT, _events(batch))
            _copy(cursor, AiSuggestion.__tablename__, _SUGGESTION, _suggestions(batch))
            yield Counter(life.status for _, life in batch)
        # What the planner knows of the tables was learned when they were smaller.
        cursor.execute("ANALYZE ticket, event, message, ai_suggestion")
    db.session.execute(text("SET LOCAL ticketdesk.importing = 'off'"))


def _ids(table: str, count: int) -> list[int]:
    return sorted(db.session.scalars(_IDS, {"table": table, "count": count}))


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
            life.assignee[0] if life.assignee else None,
            list(life.tags),
            life.first_response_at,
            life.resolved_at,
            life.rating.rating if life.rating else None,
            life.rating.comment if life.rating else None,
            life.rating.at if life.rating else None,
            life.version,
            life.created_at,
            life.updated_at,
        )


def _messages(numbers: Sequence[int], batch: Iterable[tuple[int, Life]]) -> Iterator[Sequence[Any]]:
    """The rows of all messages; their events are told the messages' numbers."""
    said = [(ticket_id, *each) for ticket_id, life in batch for each in life.messages]
    for message_id, (ticket_id, message, happening) in zip(numbers, said, strict=True):
        happening.data["message"] = message_id
        yield (
            message_id,
            ticket_id,
            message.kind,
            message.channel,
            message.actor.kind,
            message.actor.label,
            message.body,
            conversation.new_message_id(),
            message.at,
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
