"""The database's own rules: what a row written by hand may be, and what it becomes."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError

from tests.factories import make_ticket
from ticketdesk.extensions import db

GOOD = {"title": "A title", "description": "A description"}
MESSAGE = {
    "kind": "reply",
    "channel": "api",
    "author_kind": "customer",
    "author_label": "Ada",
    "body": "Hello",
    "message_id": "<1@desk.test>",
}


def insert(table: str, values: dict[str, Any]) -> sa.Row[Any]:
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    statement = sa.text(f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING *")
    return db.session.execute(statement, values).one()


def test_a_row_by_hand_gets_every_default(app: Flask) -> None:
    row = insert("ticket", GOOD)
    assert (row.category, row.priority, row.status) == ("general", "medium", "open")
    assert (row.category_set_by, row.priority_set_by) == ("default", "default")
    assert row.version == 1
    assert row.tags == []
    assert (row.assignee_id, row.snoozed_until, row.first_response_at, row.resolved_at) == (None, None, None, None)
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
        {"assignee_id": 0},
        {"tags": None},
        {"tags": [None]},
        {"tags": [""]},
        {"tags": ["Upper"]},
        {"tags": ["two words"]},
        {"tags": ["a,b"]},
        {"tags": ["x" * 41]},
        {"tags": [f"tag{number}" for number in range(21)]},
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
        ("message", {"ticket_id": 1} | MESSAGE),
        ("tag", {"name": "x" * 41}),
        ("canned_reply", {"title": "Does nothing"}),
        ("canned_reply", {"title": " ", "body": "x"}),
        ("canned_reply", {"title": "x", "body": " "}),
        ("canned_reply", {"title": "x", "status": "done"}),
        ("canned_reply", {"title": "x", "tags": ["two words"]}),
        ("canned_reply", {"title": "x", "body": "x", "shortcut": "two words"}),
        ("saved_view", {"name": ""}),
        ("saved_view", {"name": "x", "owner_id": 0}),
        ("draft", {"staff_id": 0, "ticket_id": 0, "kind": "reply", "body": "x"}),
    ],
    ids=str,
)
def test_other_bad_rows_by_hand_are_refused(app: Flask, table: str, values: dict[str, Any]) -> None:
    with pytest.raises(DBAPIError):
        insert(table, values)


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "remark"},
        {"kind": "note"},
        {"kind": None},
        {"channel": "fax"},
        {"author_kind": "somebody"},
        {"author_label": None},
        {"body": " \n"},
        {"body": "x" * 20_001},
        {"message_id": None},
        {"message_id": "1@desk.test"},
        {"message_id": "<1>"},
        {"message_id": "<1@desk.test>\r\nBcc: <all@example.com>"},
        {"message_id": "<two words@desk.test>"},
    ],
    ids=str,
)
def test_a_bad_message_by_hand_is_refused(app: Flask, bad: dict[str, Any]) -> None:
    ticket = {"ticket_id": make_ticket().id}
    with pytest.raises(DBAPIError):
        insert("message", MESSAGE | ticket | bad)


def test_a_message_by_hand_is_findable_and_moves_the_version(app: Flask) -> None:
    ticket = insert("ticket", GOOD)
    row = insert("message", MESSAGE | {"ticket_id": ticket.id, "body": "Größenwahn"})
    assert row.created_at.tzinfo is not None
    note = {"ticket_id": ticket.id, "kind": "note", "author_kind": "staff", "message_id": "<2@desk.test>"}
    insert("message", MESSAGE | note | {"body": "Unsinn"})
    changed = db.session.execute(sa.text("SELECT * FROM ticket")).one()
    assert "'grossenwahn':5C" in changed.search_vector
    assert "'unsinn':6" in changed.search_vector
    assert changed.version == 3
    assert changed.updated_at > ticket.updated_at


def test_two_messages_cannot_share_a_message_id(app: Flask) -> None:
    ticket = {"ticket_id": make_ticket().id}
    insert("message", MESSAGE | ticket)
    with pytest.raises(DBAPIError, match="uq_message_message_id"):
        insert("message", MESSAGE | ticket)


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
