"""The words of the desk: learning them, what is like them, and their forms in a language."""

import pytest
import sqlalchemy as sa
from flask import Flask

from config import SEARCH_LANGUAGES
from tests.factories import make_ticket
from ticketdesk.extensions import db
from ticketdesk.models import Message, MessageKind
from ticketdesk.search import query, vocabulary
from ticketdesk.search.meant import meant
from ticketdesk.search.query import read
from ticketdesk.tickets import queries
from ticketdesk.tickets.filter import Filter


def texts() -> dict[str, int]:
    return {row.word: row.texts for row in db.session.execute(sa.text("SELECT word, texts FROM search_word"))}


def say(ticket_id: int, body: str, kind: MessageKind) -> None:
    db.session.add(
        Message(
            ticket_id=ticket_id,
            body=body,
            kind=kind,
            channel="staff",
            author_kind="staff",
            author_label="Ada",
            message_id=f"<{body.split()[0]}@desk.test>",
        )
    )
    db.session.flush()


def learn(app: Flask) -> None:
    vocabulary.learn_regularly(timestamp=0)


def test_words_are_learnt_as_they_come_and_notes_stay_unread(app: Flask) -> None:
    ticket = make_ticket("Refund", "Refund of order 4711 to ada@example.com, please")
    say(ticket.id, "Refunded today", MessageKind.REPLY)
    say(ticket.id, "Swindler suspected", MessageKind.NOTE)
    gone = make_ticket("Unsaid", "In the trash")
    gone.gone_at = sa.func.now()
    db.session.flush()
    learn(app)
    assert texts() == {"refund": 1, "order": 1, "please": 1, "refunded": 1, "today": 1}
    learn(app)
    make_ticket("Refund", "Again")
    learn(app)
    assert texts()["refund"] == 2
    assert vocabulary.learn() == 0


def test_a_batch_at_a_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "BATCH", 2)
    monkeypatch.setattr(vocabulary, "BATCHES_A_RUN", 2)
    for number in range(5):
        make_ticket("Ticket", f"Number {'abcde'[number] * 3}")
    learn(app)
    assert texts()["ticket"] == 4
    learn(app)
    assert texts()["ticket"] == 5


@pytest.fixture
def shop(app: Flask) -> Flask:
    """A desk that knows its words."""
    make_ticket("Refund", "A refund for the invoice, please")
    make_ticket("Refund", "Where is my refund and my invoices")
    make_ticket("Café", "The straße is closed")
    say(make_ticket("Other", "Text").id, "Suspicious swindler", MessageKind.NOTE)
    learn(app)
    return app


@pytest.mark.parametrize(
    ("typed", "unknown", "search"),
    [
        ("refnd", "refnd", "refund"),
        ("Refnud please", "Refnud", "refund please"),
        ("INVIOCE", "INVIOCE", "invoice"),
        ("cafè refunt", "refunt", "cafè refund"),
        ("strase", "strase", "strasse"),
        ("refund", None, None),
        ("refu", None, None),
        ("xylophone", None, None),
        ("swindlre", None, None),
        ("-refnd", None, None),
        ("12345", None, None),
        ("no", None, None),
        ('"refnd please"', "refnd", '"refund please"'),
    ],
)
def test_what_was_meant(shop: Flask, typed: str, unknown: str | None, search: str | None) -> None:
    asked = read(typed)
    assert asked is not None
    found = meant(typed, asked)
    assert (found and found.unknown, found and found.search) == (unknown, search)


def test_what_only_the_trash_has_is_not_meant(shop: Flask) -> None:
    db.session.execute(sa.text("UPDATE ticket SET gone_at = now() WHERE title = 'Refund'"))
    asked = read("refnd")
    assert asked is not None
    assert meant("refnd", asked) is None


@pytest.fixture
def english(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The same in a desk whose language is English."""
    query._read.cache_clear()
    monkeypatch.setitem(shop.config, "SEARCH_LANGUAGE", "english")
    return shop


def found(search: str) -> list[str]:
    return sorted(row.description[:10] for row in queries.page(Filter(search=search)).rows)


@pytest.mark.parametrize(
    ("typed", "tickets"),
    [
        ("invoices", ["A refund f", "Where is m"]),
        ("invoicing refunds", ["A refund f", "Where is m"]),
        ("refund -invoices", []),
        ('"the invoices"', ["A refund f"]),
        ("invoices.", ["A refund f", "Where is m"]),
    ],
)
def test_endings_do_not_matter_in_the_desks_language(english: Flask, typed: str, tickets: list[str]) -> None:
    for _ in vocabulary.rebuild("english"):
        pass
    assert found(typed) == tickets


def test_until_the_words_are_read_for_the_language_they_are_taken_as_they_are(english: Flask) -> None:
    assert found("invoices.") == ["Where is m"]


def test_without_a_language_endings_matter(shop: Flask) -> None:
    assert found("invoices.") == ["Where is m"]


@pytest.mark.parametrize("language", SEARCH_LANGUAGES[1:])
def test_postgresql_knows_the_language(app: Flask, language: str) -> None:
    stem = sa.text("SELECT ts_lexize(CAST(:stemmer AS regdictionary), 'xyz')")
    assert db.session.scalar(stem, {"stemmer": vocabulary.stemmer(language)})
