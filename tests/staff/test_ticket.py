"""A ticket's own page: what it shows, and changing it."""

import pytest
from flask import Flask, get_template_attribute
from flask.testing import FlaskClient

from tests.conftest import csrf_header
from tests.factories import make_ticket
from tests.staff.conftest import Send, me, toasts
from ticketdesk.ai import record
from ticketdesk.ai.contract import Guess
from ticketdesk.ai.suggest import Suggestion
from ticketdesk.core.actors import SYSTEM, Actor, ActorKind
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import EventKind, Occasion, Ticket
from ticketdesk.tickets import queries, service

PROGRAM = Actor(ActorKind.TOKEN, 7, "Shop backend")


def suggest(ticket: Ticket, **more: object) -> None:
    values: dict[str, object] = {
        "took_ms": 12.4,
        "engine": "local",
        "model": "rules-1",
        "category": Category.BILLING,
        "priority": Priority.HIGH,
        "category_confidence": 0.87,
        "priority_confidence": 0.61,
        "guesses": (Guess(Category.BILLING, 0.87),),
        "words": ("charged", "invoice"),
    }
    record.record(Suggestion(**values | more), Occasion.API, ticket)  # type: ignore[arg-type]
    db.session.commit()


def test_everything_about_the_ticket_is_on_its_page(agent: FlaskClient) -> None:
    ticket = make_ticket("The export stops", "After 200 rows.\nEvery time.")
    html = agent.get(f"/staff/tickets/{ticket.id}").text
    for shown in (ticket.reference, "The export stops", "Every time.", "Ada Lovelace", "ada@example.com"):
        assert shown in html
    assert f"/t/{ticket.link_id.hex}" in html


def test_a_ticket_without_a_name_says_so(agent: FlaskClient) -> None:
    ticket = make_ticket(requester_name=None, requester_email=None)
    assert agent.get(f"/staff/tickets/{ticket.id}").text.count("Not given") == 2


def test_the_history_says_who_changed_what_from_what_to_what(app: Flask, agent: FlaskClient, send: Send) -> None:
    ticket = make_ticket()
    send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, status="in_progress")
    service.change_priority(service.locked(ticket.id), Priority.LOW, PROGRAM)
    service.change_title(service.locked(ticket.id), "Another title", SYSTEM)
    db.session.commit()
    text = " ".join(agent.get(f"/staff/tickets/{ticket.id}").text.split())
    assert f"<bdi>{me(app, agent).name}</bdi></strong> changed the status from" in text
    assert 'status-open">Open</span> to <span class="badge dot status-in_progress">In progress' in text
    assert "<bdi>Shop backend</bdi></strong> changed the priority from" in text
    assert "with an API token" in text
    assert "<bdi>Ticketdesk</bdi></strong> changed the title from" in text
    assert text.index("opened the ticket") < text.index("changed the status") < text.index("changed the title")


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        (EventKind.REPLIED, {"message": 1}, "replied"),
        (EventKind.NOTED, {"message": 1}, "added an internal note"),
        (EventKind.ASSIGNED, {"from": None, "to": "Linus"}, "assigned the ticket to <bdi>Linus</bdi>"),
        (EventKind.ASSIGNED, {"from": "Linus", "to": None}, "took the ticket from <bdi>Linus</bdi>"),
        (EventKind.TAGS_CHANGED, {"from": [], "to": ["vip"]}, "changed the tags from none to"),
        (EventKind.SNOOZED, {"from": None, "to": "2026-12-24T08:00:00+00:00"}, "sleep until 2026-12-24 08:00 UTC"),
        (EventKind.WOKEN, {"from": "2026-12-24T08:00:00+00:00"}, "woke the ticket up"),
        (EventKind.CATEGORY_CHANGED, {"from": "billing", "to": "billing", "set_by": "staff"}, "kept the category"),
        (EventKind.MERGED, {"tickets": [7, 8], "tags": []}, "TD-8</span> into this ticket"),
        (EventKind.MERGED, {"tickets": [7], "tags": ["vip"]}, 'adds the tags <span class="badge"><bdi>vip</bdi>'),
        (EventKind.MERGED, {"survivor": 7, "tags": []}, 'merged this ticket into <span class="mono">TD-7'),
        (EventKind.UNMERGED, {"tickets": [7], "tags": []}, "TD-7</span> a ticket of its own again"),
        (EventKind.UNMERGED, {"survivor": 7}, 'apart from <span class="mono">TD-7'),
        (EventKind.TRASHED, {}, "moved the ticket to the trash"),
        (EventKind.RESTORED, {}, "took the ticket out of the trash"),
        (EventKind.UNDONE, {"fields": {"assignee": {"from": "Ada", "to": None}}}, "assignee back to none"),
        (EventKind.UNDONE, {"fields": {"tags": {"from": [], "to": ["vip"]}}}, "tags back to <span"),
    ],
)
def test_every_kind_of_event_has_its_sentence(
    app: Flask, kind: EventKind, data: dict[str, object], sentence: str
) -> None:
    what = get_template_attribute("staff/_event.html", "what")
    assert sentence in " ".join(what(kind, data).split())


def test_the_suggestion_stands_next_to_what_was_chosen(agent: FlaskClient, send: Send) -> None:
    ticket = make_ticket(category=Category.BILLING, priority=Priority.HIGH)
    suggest(ticket)
    html = agent.get(f"/staff/tickets/{ticket.id}").text
    for shown in ("The local engine", "rules-1", "87 %", "61 %", "took 12 ms", "charged", "invoice"):
        assert shown in html
    assert html.count(" kept</span>") == 2
    send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, priority="low")
    assert agent.get(f"/staff/tickets/{ticket.id}").text.count(" kept</span>") == 1


@pytest.mark.parametrize(
    ("suggestion", "sentence"),
    [
        ({"failure": "timeout"}, "The preferred engine did not answer in time, so the local engine answered."),
        ({"failure": "brand-new"}, "The preferred engine failed, so the local engine answered."),
        ({"engine": None, "failure": "quota"}, "No engine answered within 12 ms; the defaults stand."),
    ],
)
def test_an_engine_that_failed_is_told(agent: FlaskClient, suggestion: dict[str, object], sentence: str) -> None:
    ticket = make_ticket()
    suggest(ticket, **suggestion)
    assert sentence in agent.get(f"/staff/tickets/{ticket.id}").text


def test_a_ticket_no_engine_saw_says_so(agent: FlaskClient) -> None:
    assert "No engine was asked" in agent.get(f"/staff/tickets/{make_ticket().id}").text


@pytest.mark.parametrize(("field", "value"), [("status", "closed"), ("priority", "low"), ("category", "billing")])
def test_each_field_is_set_by_its_own_form(agent: FlaskClient, send: Send, field: str, value: str) -> None:
    ticket = make_ticket()
    answer = send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, **{field: value})
    assert toasts(answer) == ["Saved."]
    assert answer.request.path == f"/staff/tickets/{ticket.id}"
    assert getattr(db.session.get_one(Ticket, ticket.id), field) == value


def test_the_title_is_changed_too(agent: FlaskClient, send: Send) -> None:
    ticket = make_ticket()
    send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, title="  A clearer\ntitle ")
    assert db.session.get_one(Ticket, ticket.id).title == "A clearer title"


@pytest.mark.parametrize(
    ("title", "fault"),
    [("  ", "Give the ticket a title."), ("x" * 201, "at most 200 fit"), ("a\x00b", "cannot be stored")],
)
def test_a_title_that_cannot_be_comes_back_with_its_fault(
    agent: FlaskClient, send: Send, title: str, fault: str
) -> None:
    ticket = make_ticket("As it was")
    answer = send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, title=title)
    assert answer.status_code == 422
    assert fault in answer.text
    assert f'value="{title}"' in answer.text
    assert db.session.get_one(Ticket, ticket.id).title == "As it was"


def test_the_same_value_again_is_no_change(agent: FlaskClient, send: Send) -> None:
    ticket = make_ticket()
    answer = send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, status="open")
    assert toasts(answer) == ["Nothing was different."]
    assert len(queries.events_of(ticket)) == 1


def test_a_change_made_meanwhile_is_not_overwritten_and_nothing_is_lost(agent: FlaskClient, send: Send) -> None:
    ticket = make_ticket()
    seen = ticket.version
    service.change_priority(service.locked(ticket.id), Priority.CRITICAL, PROGRAM)
    db.session.commit()
    answer = send(agent, f"/staff/tickets/{ticket.id}", version=seen, priority="low", title="A better title")
    assert answer.status_code == 409
    assert "changed while you had it open" in answer.text
    assert "A better title" in answer.text
    assert "(now Critical)" in answer.text
    assert db.session.get_one(Ticket, ticket.id).priority == Priority.CRITICAL
    again = send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, priority="low", title="A better title")
    assert toasts(again) == ["Saved."]
    assert db.session.get_one(Ticket, ticket.id).priority == Priority.LOW


@pytest.mark.parametrize("version", [None, "", "x", "0", "\x00"])
def test_a_change_must_say_which_version_it_saw(agent: FlaskClient, send: Send, version: str | None) -> None:
    ticket = make_ticket()
    fields = {"status": "closed"} | ({} if version is None else {"version": version})
    assert send(agent, f"/staff/tickets/{ticket.id}", **fields).status_code == 409
    assert db.session.get_one(Ticket, ticket.id).status == Status.OPEN


def test_the_part_that_refreshes_itself_costs_nothing_while_nothing_changes(agent: FlaskClient) -> None:
    ticket = make_ticket()
    first = agent.get(f"/staff/tickets/{ticket.id}/live")
    assert "<html" not in first.text
    unchanged = agent.get(f"/staff/tickets/{ticket.id}/live", headers={"If-None-Match": first.headers["ETag"]})
    assert unchanged.status_code == 304
    service.change_status(service.locked(ticket.id), Status.CLOSED, PROGRAM)
    db.session.commit()
    changed = agent.get(f"/staff/tickets/{ticket.id}/live", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert "Shop backend" in changed.text


@pytest.mark.parametrize("number", ["0", "999999", "9" * 30, "x", "-1", "%00"])
def test_what_is_not_there_is_not_found(agent: FlaskClient, send: Send, number: str) -> None:
    for path in (f"/staff/tickets/{number}", f"/staff/tickets/{number}/live"):
        assert agent.get(path).status_code == 404
    assert send(agent, f"/staff/tickets/{number}", status="closed", version="1").status_code == 404


def test_a_word_that_is_none_is_refused(agent: FlaskClient, send: Send) -> None:
    ticket = make_ticket()
    answer = send(agent, f"/staff/tickets/{ticket.id}", version=ticket.version, status="gone")
    assert answer.status_code == 400
    assert "open, in_progress, resolved, closed" in answer.text


def test_nothing_changes_without_the_token_of_the_page(agent: FlaskClient) -> None:
    ticket = make_ticket()
    answer = agent.post(f"/staff/tickets/{ticket.id}", data={"version": ticket.version, "status": "closed"})
    assert answer.status_code == 400
    assert db.session.get_one(Ticket, ticket.id).status == Status.OPEN


def test_the_tickets_together_are_the_queue(agent: FlaskClient) -> None:
    assert agent.get("/staff/tickets/").location == "/staff/queue/"


def test_a_page_can_be_read_without_changing_anything(agent: FlaskClient) -> None:
    ticket = make_ticket()
    agent.get(f"/staff/tickets/{ticket.id}?status=closed&version={ticket.version}", headers=csrf_header(agent))
    assert db.session.get_one(Ticket, ticket.id).status == Status.OPEN
