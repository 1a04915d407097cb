"""What a search shows of the tickets that it found."""

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_ticket
from ticketdesk.extensions import db
from ticketdesk.models import Message, MessageKind
from ticketdesk.search import snippets
from ticketdesk.search.query import read
from ticketdesk.search.snippets import SNIPPET_MAX, Piece, marked
from ticketdesk.search.tsquery import Word


def written(pieces: "list[Piece] | tuple[Piece, ...]") -> str:
    return "".join(f"[{piece.text}]" if piece.hit else piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("typed", "text", "shown"),
    [
        ("creme", "Crème brûlée", "[Crème] brûlée"),
        ("BRUL", "Crème brûlée", "Crème [brûlée]"),
        ("strasse", "In der Straße 5", "In der [Straße] 5"),
        ("abc", "ＡＢＣ is wide", "[ＡＢＣ] is wide"),
        ("fi", "The ﬁne office", "The [ﬁne] office"),
        ("printer -fire", "A printer on fire", "A [printer] on fire"),
        ('"on fire"', "A printer on fire", "A printer [on] [fire]"),
        ("print.", "A printer prints", "A printer prints"),
        ("ada@example.com", "From ada@example.com to us", "From [ada@example.com] to us"),
        ("e-mail", "My e-mail is lost", "My [e-mail] is lost"),
        ("help or 設定", "Gmailの設定 and 設定", "Gmailの設定 and [設定]"),
        ("nothing", "<b>Bold</b>", "<b>Bold</b>"),
        ("b", "<b>Bold</b>", "<[b]>[Bold]</[b]>"),
    ],
)
def test_the_words_are_marked_as_they_were_written(app: Flask, typed: str, text: str, shown: str) -> None:
    ticket = make_ticket("Title", text)
    asked = read(typed)
    assert asked is not None
    assert written(list(snippets.of([ticket], asked)[ticket.id].text)) == shown


def test_of_a_long_text_the_part_with_most_of_the_words_is_shown() -> None:
    text = "printer " + "filler " * 100 + "the printer is on fire " + "filler " * 100
    shown = written(list(marked(text, [Word("printer"), Word("fire")])))
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert "the [printer] is on [fire] filler" in shown


def test_the_message_that_says_more_is_shown_and_what_it_is(app: Flask) -> None:
    ticket = make_ticket("A printer", "It does not print. The printer is new.")
    note = {"kind": MessageKind.NOTE, "channel": "staff", "author_kind": "staff", "author_label": "Ada"}
    for number, body in enumerate(("Nothing here", "The printer is a walrus", "Only a walrus")):
        db.session.add(Message(ticket_id=ticket.id, body=body, message_id=f"<{number}@desk.test>", **note))
    db.session.flush()
    asked = read("printer walrus")
    assert asked is not None
    snippet = snippets.of([ticket], asked)[ticket.id]
    assert (written(list(snippet.text)), snippet.source) == ("The [printer] is a [walrus]", "note")
    assert written(list(snippet.title)) == "A [printer]"


@given(st.text(), st.lists(st.builds(Word, st.text(min_size=1, max_size=3), st.booleans()), max_size=3))
def test_nothing_of_a_short_text_is_lost_and_a_long_one_is_cut(text: str, sought: list[Word]) -> None:
    pieces = marked(text, sought)
    if len(text) <= SNIPPET_MAX:
        assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)
    assert sum(len(piece.text) for piece in marked(text * 100, sought)) <= SNIPPET_MAX + 4
