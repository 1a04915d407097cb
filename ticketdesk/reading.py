"""The short way to the database: one statement, its rows as plain tuples.

What only reads needs no transaction, no unit of work and no entities, and each
of them costs a list more than its SQL does. So a hot read is compiled once, is
sent in autocommit in a single round trip, and comes back as the driver made it.
What is written with nearly every request goes the same way, in its transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any, TypeVar

import psycopg
from sqlalchemy import ColumnElement, Connection, Engine, Integer, Select, event, literal, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, SessionTransaction, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict, manager_of_class, set_committed_value
from sqlalchemy.orm.util import identity_key
from sqlalchemy.sql.dml import ReturningInsert

from ticketdesk.extensions import Base, db

Row = tuple[Any, ...]
Model = TypeVar("Model", bound=Base)

# Writing takes a process twice as long as reading, and only one thread at a time is in Python: with as many writers as
# readers, readers would wait three times as long as without. So two write at once, one in Python, one in the database.
_turns = BoundedSemaphore(2)
_TURN = "turn"
TURN_WAIT = 0.05
"""Seconds after which a transaction writes without its turn: those before it may be waiting for what it has locked."""

_DIALECT = make_url("postgresql+psycopg://").get_dialect()()


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled statement with the values it was written with."""

    sql: bytes
    values: Mapping[str, Any]
    plan_for_values: bool


def compiled(
    statement: Select[*tuple[Any, ...]] | ReturningInsert[*tuple[Any, ...]], *, plan_for_values: bool = False
) -> Statement:
    """The statement as it goes to the driver; keep it, because compiling costs more than sending.

    ``plan_for_values`` has PostgreSQL plan it anew each time, where a value decides
    which plan is good: one that is not prepared is planned with its values in sight.
    """
    text = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Statement(text.string.encode(), text.params, plan_for_values)


def at_most(rows: int) -> ColumnElement[int]:
    """How many rows a statement reads, for its LIMIT, written out and not left open.

    To the planner an open LIMIT is a tenth of all rows, so it would make a plan for each one's value, which takes
    longer than reading a page.
    """
    return literal(rows, Integer, literal_execute=True)


def array(values: Iterable[int | str]) -> str:
    """The values as PostgreSQL writes an array; for numbers, and for words that need no quotes.

    The driver takes longer over each value of a list than over all of such a text.
    """
    return f"{{{','.join(map(str, values))}}}"


def rows(statement: Statement, **values: Any) -> list[Row]:
    """The rows of the statement, with ``values`` for its parameters that have none yet.

    A request that has begun a transaction reads on its connection, and so sees what
    it wrote and never holds two. Else a connection is borrowed for this statement;
    one that turns out to be dead is replaced, once, because reading twice is harmless.

    Raises:
        sqlalchemy.exc.DBAPIError: the database cannot answer.
    """
    given = {**statement.values, **values}
    engine = db.engine
    if (held := _held(engine)) is not None:
        return fetch(_driver(held), statement, given)
    replaced = False
    while True:
        borrowed = engine.raw_connection()
        driver: psycopg.Connection[Row] = borrowed.driver_connection  # type: ignore[assignment]
        try:
            driver.autocommit = True
            return fetch(driver, statement, given)
        except DBAPIError:
            if replaced or not driver.closed:
                raise
            borrowed.invalidate()
            replaced = True
        finally:
            if not driver.closed:
                driver.autocommit = False
            borrowed.close()


def written(statement: Statement, **values: Any) -> list[Row]:
    """What a statement returns that writes, as a part of the transaction at hand and after all that it holds so far.

    Raises:
        sqlalchemy.exc.DBAPIError: the database cannot do it.
    """
    session = db.session()
    _take_turn(session)
    session.flush()
    return fetch(_driver(session.connection()), statement, {**statement.values, **values})


def _take_turn(session: Session) -> None:
    if _TURN not in session.info:
        session.info[_TURN] = _turns.acquire(timeout=TURN_WAIT)


@event.listens_for(Session, "after_transaction_end")
def _pass_turn(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None and session.info.pop(_TURN, False):
        _turns.release()


def fetch(driver: "psycopg.Connection[Row]", statement: Statement, values: Mapping[str, Any]) -> list[Row]:
    """The rows of the statement, read on a connection of the driver's.

    Raises:
        sqlalchemy.exc.DBAPIError: the server cannot answer.
    """
    prepare = False if statement.plan_for_values else None
    try:
        # The binary form of times and numbers is cheaper to make and to read than their digits.
        with driver.cursor(binary=True) as cursor:
            return cursor.execute(statement.sql, values, prepare=prepare).fetchall()
    except psycopg.Error as error:
        # As SQLAlchemy tells it, so that what handles errors needs to know one kind.
        raise DBAPIError.instance(statement.sql.decode(), None, error, psycopg.Error, dialect=_DIALECT) from error


def stored(model: type[Model], columns: Mapping[str, Any]) -> Model:
    """The entity that has these columns in the database, as if a session had loaded it and let it go."""
    # Its constructor would note each column as a change, which takes four times as long.
    entity: Model = manager_of_class(model).new_instance()
    instance_dict(entity).update(columns)
    make_transient_to_detached(entity)
    return entity


def loaded(model: type[Model], columns: Mapping[str, Any]) -> Model:
    """The entity that has these columns in the database, in the session at hand, also where that knew it otherwise."""
    known: Model | None = db.session.identity_map.get(identity_key(model, columns["id"]))
    if known is None:
        entity = stored(model, columns)
        db.session.add(entity)
        return entity
    # What is not told, such as whom a relation leads to, is asked for anew.
    db.session.expire(known)
    for name, value in columns.items():
        set_committed_value(known, name, value)
    return known


def _held(engine: Engine) -> Connection | None:
    """The connection of the transaction at hand. Tests put theirs into the engine's place."""
    if db.session.registry.has() and db.session().in_transaction():
        db.session.flush()
        return db.session.connection()
    return engine if isinstance(engine, Connection) else None


def _driver(held: Connection) -> "psycopg.Connection[Row]":
    driver: psycopg.Connection[Row] = held.connection.driver_connection  # type: ignore[assignment]
    return driver
