"""One ticket's whole life through every door, and texts that mean harm through all of them."""

from html.parser import HTMLParser
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import csrf_header, signed_in
from tests.portal.pages import filled_form, page_of
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Event, Role, Ticket

# Every field of a ticket gets the same text, so a page that forgets one of them shows it.
HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "template": "{{ 7 * 7 }} {% raw %} ${7*7}",
    "markdown": "[a](javascript:alert(1)) ![b](https://evil.test/x.png)",
    "right to left": "\u202egnirts \u2067abc\u2069 مرحبا",
    "emoji": "👩‍👩‍👧‍👦🔥 𝒳 ﷽",
    "long word": "w" * 190,
}


class Look(HTMLParser):
    """What a browser would make of a page: its words, and everything in it that could act."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.sources: list[str] = []
        self.inline_scripts = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the element could do."""
        found = {name: value or "" for name, value in attrs}
        self.words += f" {found.get('value', '')} "
        self.handlers += [name for name in found if name.startswith("on")]
        self.addresses += [found[name].strip().lower() for name in ("href", "action", "formaction") if name in found]
        self.sources += [found["src"]] if "src" in found else []
        self.inline_scripts += tag == "script" and "src" not in found

    def handle_data(self, data: str) -> None:
        """Gather the words."""
        self.words += data


def test_a_ticket_from_the_form_to_its_end(app: Flask, writer: dict[str, str]) -> None:
    customer, agent, program = app.test_client(), signed_in(app, Role.AGENT), app.test_client()

    form = filled_form(customer)
    suggested = page_of(customer.post("/review", data=form))
    assert suggested.form["category"] == "billing", "The suggestion stands in the form to be reviewed."
    sent = customer.post("/", data=suggested.form | {"priority": "low"})
    link = sent.headers["Location"]
    ticket = db.session.scalars(sa.select(Ticket)).one()
    assert (ticket.category, ticket.category_set_by) == ("billing", "local")
    assert (ticket.priority, ticket.priority_set_by) == ("low", "customer")
    assert db.session.scalars(sa.select(AiSuggestion.chosen_priority)).one() == "low"

    assert f'id="ticket-{ticket.id}"' in agent.get("/staff/queue/?status=open&search=charg").text
    url = f"/api/tickets/{ticket.id}/"
    assert agent.patch(url, json={"priority": "high"}, headers=csrf_header(agent)).status_code == 200

    page = page_of(agent.get(f"/staff/tickets/{ticket.id}"))
    box = {name: page.form[name] for name in ("nonce", "seen")}
    reply = box | {"kind": "reply", "reply": "We refund **one** of them.", "status": "resolved"}
    agent.post(f"/staff/tickets/{ticket.id}/messages", data=reply, headers=csrf_header(agent))
    told = customer.get(link).text
    assert "We refund <strong>one</strong> of them." in told
    assert "Grace Hopper" not in told, "Customers are answered by the desk, not by a name."

    answer = page_of(customer.get(link)).form | {"body": "It has not arrived."}
    assert customer.post(link, data=answer).status_code == 303
    program.patch(url, json={"status": "closed"}, headers=writer)

    rows = db.session.execute(sa.select(Event.kind, Event.actor_kind).order_by(Event.id)).all()
    assert [(row.kind.removeprefix("ticket."), row.actor_kind) for row in rows] == [
        ("created", "customer"),
        ("priority_changed", "staff"),
        ("replied", "staff"),
        ("status_changed", "staff"),
        ("replied", "customer"),
        ("status_changed", "customer"),
        ("status_changed", "token"),
    ]
    assert (ticket.status, ticket.first_response_at is not None) == ("closed", True)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("door", ["form", "api"])
def test_a_hostile_text_is_shown_as_text_everywhere(
    app: Flask, agent: FlaskClient, writer: dict[str, str], door: str, text: str
) -> None:
    customer = app.test_client()
    values: dict[str, Any] = {"title": text, "description": f"{text} and more", "requester_name": text}
    if door == "form":
        assert customer.post("/", data=filled_form(customer, **values)).status_code == 303
    else:
        assert customer.post("/api/tickets/", json=values).status_code == 201
    ticket = db.session.scalars(sa.select(Ticket)).one()
    shown = customer.get(f"/api/tickets/{ticket.id}/", headers=writer).json
    assert shown is not None
    assert shown["title"] == text
    pages = [
        customer.get(f"/t/{ticket.link_id.hex}").text,
        agent.get("/staff/").text,
        agent.get("/staff/queue/").text,
        agent.get(f"/staff/queue/{ticket.id}").text,
        agent.get(f"/staff/tickets/{ticket.id}").text,
    ]
    for html in pages:
        look = Look(html)
        assert text[:20] in look.words, "The text is there, as text."
        assert look.handlers == []
        assert all(address.startswith(("/", "#", "http", "mailto:")) for address in look.addresses)
        assert all(source.startswith("/static/") for source in look.sources)
        assert look.inline_scripts == 0
        assert ">49<" not in html


@pytest.mark.parametrize("door", ["form", "api"])
def test_20_000_characters_fit_and_a_nul_is_refused_in_words(app: Flask, door: str) -> None:
    customer = app.test_client()

    def send(**values: str) -> int:
        if door == "form":
            return customer.post("/", data=filled_form(customer, **values)).status_code
        return customer.post("/api/tickets/", json={"title": "A", "description": "B"} | values).status_code

    assert send(description="🔥" * 20_000) in {201, 303}
    assert send(description="x" * 20_001) == 400
    assert send(description="before\x00after") == 400
    assert send(title="a\x00") == 400
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 1
