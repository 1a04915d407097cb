"""Searching in the console: the best first, where the words are, and what was meant."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_ticket
from ticketdesk.extensions import db
from ticketdesk.models import Message, MessageKind
from ticketdesk.search import vocabulary
from ticketdesk.tickets import best

QUEUE = "/staff/queue/"


def titles(client: FlaskClient, query: str) -> list[str]:
    html = client.get(f"{QUEUE}?{query}").text
    found = re.findall(r'<bdi class="title">(.*?)</bdi>', html)
    return [re.sub("<[^>]+>", "", title) for title in found]


def test_the_best_match_comes_first_unless_another_order_is_asked_for(agent: FlaskClient) -> None:
    make_ticket("Printer", "On fire")
    make_ticket("Other", "The printer again")
    assert titles(agent, "search=printer") == ["Printer", "Other"]
    assert titles(agent, "search=printer&sort=best") == ["Printer", "Other"]
    assert titles(agent, "search=printer&sort=-created_at") == ["Other", "Printer"]
    assert titles(agent, "sort=best") == ["Other", "Printer"]
    html = agent.get(f"{QUEUE}?search=printer").text
    assert "Tickets, best match first" in html
    assert "aria-sort" not in html
    assert f'href="{QUEUE}?search=printer&amp;sort=-created_at">Created' in html
    assert re.search(r'<option value=""[^>]*>Best match first</option>\s*<option value="-created_at">', html)
    plain = agent.get(QUEUE).text
    assert re.search(
        r'<option value=""[^>]*>Newest first</option>\s*<option value="-created_at" hidden disabled>', plain
    )


def test_pages_of_the_best_and_where_they_end(agent: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best, "RANKED_MAX", 60)
    monkeypatch.setattr("ticketdesk.staff.queue.COUNT_MOST_FOUND", 60)
    for number in range(61):
        make_ticket(f"Printer {number}")
    html = agent.get(f"{QUEUE}?search=printer").text
    assert "of the newest 60 matches" not in html
    following = re.search(r'rel="next" href="([^"]+)"', html)
    assert following is not None
    last = agent.get(unescape(following[1])).text
    assert last.count('<tbody class="ticket') == 10
    assert "These are the best of the newest 60 matches." in last


def test_the_words_are_marked_and_nothing_else_is_markup(agent: FlaskClient) -> None:
    ticket = make_ticket("Crème <b>brûlée</b>", "<script>creme</script> & more")
    db.session.add(
        Message(
            ticket_id=make_ticket("Other", "Nothing").id,
            body="<i>crème</i> for the walrus",
            kind=MessageKind.NOTE,
            channel="staff",
            author_kind="staff",
            author_label="Ada",
            message_id="<one@desk.test>",
        )
    )
    db.session.flush()
    html = agent.get(f"{QUEUE}?search=creme").text
    assert '<bdi class="title"><mark>Crème</mark> &lt;b&gt;brûlée&lt;/b&gt;</bdi>' in html
    assert (
        '<bdi class="snippet found muted small">&lt;script&gt;<mark>creme</mark>&lt;/script&gt; &amp; more</bdi>'
        in html
    )
    assert '<span class="source">In a note:</span> &lt;i&gt;<mark>crème</mark>&lt;/i&gt; for the walrus' in html
    assert "<mark>" not in agent.get(QUEUE).text
    assert ticket.reference in html


def test_what_was_meant_is_a_link(app: Flask, agent: FlaskClient) -> None:
    make_ticket("A refund", "for b")
    vocabulary.learn_regularly(timestamp=0)
    html = agent.get(f"{QUEUE}?search=%3Cb%3E+refnd&status=open").text
    assert "No ticket has “<bdi>refnd</bdi>”. Did you mean" in html
    (link,) = re.findall(r'Did you mean <a href="([^"]+)"', html)
    assert len(titles(agent, unescape(link).partition("?")[2])) == 1
    assert "Did you mean" not in agent.get(f"{QUEUE}?search=refund&status=closed").text
    assert "Did you mean" not in agent.get(f"{QUEUE}?search=refund").text


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            "a" * 5000,
            "& | ! ( ) :* <->",
            '"',
            '"refund',
            "\x00",
            "refund\x00",
            "!!!",
            "🙂",
            "退款",
            "w" * 400,
            "_",
        ),
        *("-refund", "TD-1042", "TD-", "ada@example.com", "https://example.com/a?b=c#d", "\\", "%", "or", "or or", "_"),
    ],
)
def test_nothing_that_is_typed_breaks_the_queue(agent: FlaskClient, typed: str) -> None:
    make_ticket("A refund", "退款 🙂 to ada@example.com, see https://example.com/a?b=c#d")
    for sort in ("", "-created_at", "priority"):
        assert agent.get(QUEUE, query_string={"search": typed, "sort": sort}).status_code == 200


@pytest.mark.parametrize(
    ("typed", "finds"),
    [
        ("退款", True),
        ("ada@example.com", True),
        ("example.com", True),
        ("🙂", True),
        ("-refund", False),
    ],
)
def test_addresses_and_other_scripts_are_found(agent: FlaskClient, typed: str, finds: bool) -> None:
    make_ticket("A refund", "退款 🙂 to ada@example.com, see https://example.com/a?b=c#d")
    assert bool(titles(agent, urlencode({"search": typed}))) is finds
