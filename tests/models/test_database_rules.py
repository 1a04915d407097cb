"""The database's own rules: what a row written by hand may be, and what it becomes."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError

from tests.factories import make_ticket
from ticketdesk.extensions import db

GOOD = {"title": "A title", "description": "A description"}


def insert(table: str, values: dict[str, Any]) -> sa.Row[Any]:
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    statement = sa.text(f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING *")
    return db.session.execute(statement, values).one()


def test_a_row_by_hand_gets_every_default(app: Flask) -> None:
    row = insert("ticket", GOOD)
    assert (row.category, row.priority, row.status) == ("general", "medium", "open")
    assert (row.category_set_by, row.priority_set_by) == ("default", "default")
    assert row.version == 1
    assert row.created_at.tzinfo is not None
    assert row.created_at == row.updated_at
    assert row.link_id != insert("ticket", GOOD).link_id
    assert row.search_vector


@pytest.mark.parametrize(
    "bad",
    [
        {"title": None},
        {"title": ""},
        {"title": " \t\n"},
        {"title": "x" * 201},
        {"description": None},
        {"description": "  "},
        {"description": "x" * 20_001},
        {"category": "sales"},
        {"category": None},
        {"category": "Billing"},
        {"priority": "urgent"},
        {"priority": None},
        {"status": "done"},
        {"status": None},
        {"category_set_by": "nobody"},
        {"priority_set_by": None},
        {"requester_email": "not an address"},
        {"requester_email": "a" * 250 + "@b.de"},
        {"requester_name": ""},
        {"requester_name": "x" * 201},
    ],
    ids=str,
)
def test_a_bad_ticket_by_hand_is_refused(app: Flask, bad: dict[str, Any]) -> None:
    with pytest.raises(DBAPIError):
        insert("ticket", GOOD | bad)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("staff", {"email": "a@b.de", "name": "A", "role": "owner", "password_hash": "x", "session_key": "x"}),
        ("staff", {"email": "nobody", "name": "A", "password_hash": "x", "session_key": "x"}),
        ("api_token", {"name": "A", "token_hash": "x", "hint": "x", "scope": "all"}),
        ("ai_suggestion", {"occasion": "dream", "took_ms": 1}),
        ("ai_suggestion", {"occasion": "form", "took_ms": 1, "category": "sales"}),
        ("ai_suggestion", {"occasion": "form", "took_ms": 1, "category_confidence": 1.1}),
        ("event", {"ticket_id": 1, "kind": "ticket.created", "actor_kind": "system", "actor_label": "x"}),
    ],
    ids=str,
)
def test_other_bad_rows_by_hand_are_refused(app: Flask, table: str, values: dict[str, Any]) -> None:
    with pytest.raises(DBAPIError):
        insert(table, values)


def test_two_accounts_cannot_share_an_address_in_another_case(app: Flask) -> None:
    account = {"name": "A", "password_hash": "x", "session_key": "x"}
    insert("staff", account | {"email": "ada@example.com"})
    with pytest.raises(DBAPIError):
        insert("staff", account | {"email": "ADA@example.com"})


def test_a_change_by_hand_moves_version_and_updated_at(app: Flask) -> None:
    row = insert("ticket", GOOD)
    changed = db.session.execute(
        sa.text("UPDATE ticket SET title = 'Größenwahn' WHERE id = :id RETURNING *"), {"id": row.id}
    ).one()
    assert changed.version == 2
    assert changed.updated_at > row.updated_at
    assert changed.created_at == row.created_at
    assert "'grossenwahn'" in changed.search_vector


@pytest.mark.parametrize("statement", ["UPDATE event SET actor_label = 'Somebody else'", "DELETE FROM event"])
def test_events_are_append_only(app: Flask, statement: str) -> None:
    make_ticket()
    with pytest.raises(DBAPIError, match="append-only"):
        db.session.execute(sa.text(statement))
