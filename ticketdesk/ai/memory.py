"""What the local engine has learned, kept in each process and brought up to date from the database.

The confirmed tickets are the only state. A process reads them all once, in the
background, and answers with what ships with the product until it has. From then on it
reads, before each answer, what was committed since it last looked: one query that
mostly finds nothing. Reading a row again does no harm, because the memory knows what
it has counted for each ticket and takes that back first. All processes that have seen
the same rows give the same answers.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy
import structlog
from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from ticketdesk.ai.contract import text_of
from ticketdesk.ai.learner import Learner
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.words import READ_MAX
from ticketdesk.core.vocabulary import Category, Priority

TICKETS_MAX = 5_000
"""The newest confirmed tickets are remembered, up to this many."""
PATIENCE = 0.25
"""Seconds that an answer waits for the memory to be loaded or brought up to date; the rest follows with the next."""

# Transactions commit in another order than they begin in. All those below a snapshot's xmin are over, so what is
# committed later was changed by one from there on. Above its xmax stand only rows that were restored from another
# cluster; the first load has read them.
_HORIZON = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon")
# What is in the trash or merged into another ticket teaches nothing, until it comes back.
_LABELS = """
    CASE WHEN gone_at IS NULL THEN confirmation.category END AS category,
    CASE WHEN gone_at IS NULL THEN confirmation.priority END AS priority
"""
_ALL = text(
    f"""
    SELECT ticket_id, {_LABELS}, title, left(description, :read) AS description
    FROM confirmation JOIN ticket ON ticket.id = ticket_id
    ORDER BY ticket_id DESC
    LIMIT :most
    """  # noqa: S608  (put together from constants)
)
_CHANGED = text(
    f"""
    SELECT horizon, ticket_id, {_LABELS}, title, left(description, :read) AS description
    FROM (
        SELECT pg_snapshot_xmin(now_)::text::bigint AS horizon, pg_snapshot_xmax(now_)::text::bigint AS ceiling
        FROM pg_current_snapshot() AS now_
    ) AS seen
    LEFT JOIN (confirmation JOIN ticket ON ticket.id = ticket_id) ON changed_in >= :since AND changed_in < ceiling
    ORDER BY ticket_id DESC
    """  # noqa: S608  (put together from constants)
)

log = structlog.get_logger(__name__)


class _Lesson(NamedTuple):
    """What is counted for one ticket."""

    text: str
    category: Category | None
    priority: Priority | None


class Memory:
    """Keeps a local engine's learner at what the desk has confirmed; safe to share between threads."""

    def __init__(self, engine: LocalEngine, database: Callable[[], sqlalchemy.Engine]) -> None:
        self._engine = engine
        self._database = database
        self._counted: dict[int, _Lesson] = {}
        # The first transaction whose changes may not have been seen yet; None until the memory is loaded.
        self._since: int | None = None
        self._loader: threading.Thread | None = None
        self._starting = threading.Lock()
        self._reading = threading.Lock()

    def __len__(self) -> int:
        """How many confirmed tickets it remembers."""
        return len(self._counted)

    def warm(self) -> threading.Thread:
        """Load the memory in the background unless it is; call it in the process that will serve, after any fork."""
        with self._starting:
            if self._loader is None or (self._since is None and not self._loader.is_alive()):
                self._loader = threading.Thread(target=self._load, name="memory", daemon=True)
                self._loader.start()
            return self._loader

    def refresh(self) -> None:
        """Take in what was confirmed since the last look, or let the memory be as it is where that takes too long."""
        if self._since is None:
            self.warm().join(PATIENCE)
        if self._since is None or not self._reading.acquire(timeout=PATIENCE):
            return
        try:
            rows = self._read(_CHANGED, since=self._since)
            ends = time.monotonic() + PATIENCE
            for row in rows:
                news = row.ticket_id is not None and self._learn(row.ticket_id, _lesson(row))
                if news and time.monotonic() > ends:
                    # The next answer finds these counted and goes on with the others.
                    return
            self._since = rows[0].horizon
        except SQLAlchemyError as error:
            _tell(error)
        finally:
            self._reading.release()

    def _load(self) -> None:
        """Count all confirmed tickets into a new learner, which then takes the place of the ignorant one."""
        try:
            since = self._read(_HORIZON)[0].horizon
            lessons = {row.ticket_id: _lesson(row) for row in self._read(_ALL, most=TICKETS_MAX)}
        except SQLAlchemyError as error:
            _tell(error)
            return
        learner = Learner()
        for lesson in lessons.values():
            learner.add(*lesson)
        # The first answer weighs up what was learned, so that no customer waits for it.
        learner.classify("")
        self._engine.learner, self._counted, self._since = learner, lessons, since

    def _read(self, statement: TextClause, **parameters: int) -> Sequence[Row[Any]]:
        with self._database().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.execute(statement, {"read": READ_MAX} | parameters).all()

    def _learn(self, ticket_id: int, lesson: _Lesson) -> bool:
        """Count a ticket in the place of what was counted for it before, and say whether that was different."""
        known = self._counted.get(ticket_id)
        if lesson == known:
            return False
        if known is not None:
            self._engine.learner.remove(*known)
        elif len(self._counted) >= TICKETS_MAX:
            # The oldest by number and not by decision, so that all processes forget the same tickets.
            oldest = min(self._counted)
            if ticket_id < oldest:
                return False
            self._engine.learner.remove(*self._counted.pop(oldest))
        self._engine.learner.add(*lesson)
        self._counted[ticket_id] = lesson
        return True


def _lesson(row: Row[Any]) -> _Lesson:
    return _Lesson(
        text_of(row.title, row.description)[:READ_MAX],
        Category(row.category) if row.category else None,
        Priority(row.priority) if row.priority else None,
    )


def _tell(error: SQLAlchemyError) -> None:
    log.warning("memory_without_database", error=type(error).__name__)
