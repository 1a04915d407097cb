"""Merging, deleting and undoing at the console."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.attachments.forms import form_with
from tests.conftest import csrf_header
from tests.factories import make_ticket
from tests.staff.conftest import Send, listed, toasts
from ticketdesk.attachments import service as attachments
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Channel, Ticket
from ticketdesk.tickets import acts, conversation, merging, trash

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")
ALL = "/staff/queue/?sort=-created_at"


def status_of(ticket: Ticket) -> str:
    db.session.expire_all()
    return db.session.get_one(Ticket, ticket.id).status


def undo_in_toast(answer: TestResponse) -> dict[str, str]:
    """The fields of the form behind the toast's button."""
    found = re.search(r'name="next" value="([^"]*)"><button class="undo" name="act" value="(\d+)"', answer.text)
    assert found, answer.text
    return {"next": found[1].replace("&amp;", "&"), "act": found[2]}


def test_a_bulk_change_is_undone_from_its_toast(agent: FlaskClient, send: Send) -> None:
    tickets = [make_ticket() for _ in range(3)]
    answer = send(agent, ALL, ticket=[ticket.id for ticket in tickets], status="closed")
    assert toasts(answer) == ["3 tickets closed."]
    fields = undo_in_toast(answer)
    assert fields["next"] == ALL
    answer = send(agent, "/staff/undo/", **fields)
    assert toasts(answer) == ["Undone."]
    assert listed(answer) == [ticket.id for ticket in reversed(tickets)]
    assert [status_of(ticket) for ticket in tickets] == ["open"] * 3
    assert toasts(send(agent, "/staff/undo/", **fields)) == ["This is undone already."]


def test_a_script_gets_the_toast_with_its_button(agent: FlaskClient) -> None:
    sent = {"ticket": make_ticket().id, "priority": "low"}
    answer = agent.post(ALL, data=sent, headers=csrf_header(agent) | {"X-Answer": "toast"})
    assert undo_in_toast(answer)["act"]


def test_the_history_offers_to_undo_for_an_hour(agent: FlaskClient, send: Send) -> None:
    tickets = [make_ticket() for _ in range(2)]
    send(agent, ALL, ticket=[ticket.id for ticket in tickets], status="resolved")
    path = f"/staff/tickets/{tickets[0].id}"
    (act,) = acts.undoable_on(tickets[0].id)
    assert re.search(rf'form="undo" name="act" value="{act.id}">.*Undo on all 2 tickets', agent.get(path).text)
    send(agent, "/staff/undo/", act=act.id)
    assert "Undo on all" not in agent.get(path).text
    assert "undid a bulk change" in agent.get(path).text
    assert status_of(tickets[1]) == Status.OPEN


def test_what_is_deleted_is_in_the_trash_and_comes_back(agent: FlaskClient, send: Send) -> None:
    kept, ticket = make_ticket(), make_ticket("Make $$$ fast")
    answer = send(agent, "/staff/trash/put/", ticket=ticket.id, next=ALL)
    assert toasts(answer) == [f"{ticket.reference} moved to the trash."]
    assert listed(answer) == [kept.id]
    assert "Make $$$ fast" in agent.get("/staff/trash/").text
    moved = agent.get(f"/staff/tickets/{ticket.id}")
    assert moved.location == f"/staff/trash/{ticket.id}"
    assert "This ticket is in the trash." in agent.get(moved.location).text
    answer = send(agent, "/staff/trash/restore/", ticket=ticket.id, next=f"/staff/tickets/{ticket.id}")
    assert toasts(answer) == ["The ticket is restored."]
    assert "The trash is empty" in agent.get("/staff/trash/").text
    assert toasts(send(agent, "/staff/trash/restore/", ticket=ticket.id)) == ["Nothing was left to restore."]
    assert toasts(send(agent, "/staff/trash/put/")) == ["Select the tickets to delete first."]


def test_the_trash_goes_on_behind_its_first_page(agent: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trash, "PAGE_SIZE", 2)
    trash.trash([make_ticket(f"Spam {number}").id for number in range(3)], GRACE)
    db.session.commit()
    page = agent.get("/staff/trash/").text
    assert "Spam 2" in page
    assert "Spam 0" not in page
    further = re.findall(r'rel="next" href="([^"]+)"', page)[0].replace("&amp;", "&")
    assert "Spam 0" in agent.get(further).text
    assert agent.get("/staff/trash/?before=yesterday").status_code == 400


def test_two_tickets_of_one_requester_are_merged(agent: FlaskClient, send: Send) -> None:
    first, second = make_ticket("First"), make_ticket("Second")
    conversation.add_reply(second, "Said on the second", GRACE, Channel.STAFF)
    db.session.commit()
    page = agent.get(f"/staff/merging/?ticket={first.id}").text
    assert f"/staff/merging/?ticket={first.id}&amp;ticket={second.id}" in page
    page = agent.get(f"/staff/merging/?ticket={first.id}&ticket={second.reference.lower()}").text
    assert page.count('name="into"') == 2
    answer = send(agent, "/staff/merging/", ticket=[first.id, second.id], into=first.id)
    assert toasts(answer) == [f"{second.reference} merged into {first.reference}."]
    assert "Said on the second" in answer.text
    assert f'opened <span class="mono">{second.reference}</span>, merged into this ticket' in answer.text
    assert agent.get(f"/staff/tickets/{second.id}").location == f"/staff/tickets/{first.id}"
    assert agent.get(f"/staff/tickets/{second.id}/live").location == f"/staff/tickets/{first.id}"
    answer = send(agent, "/staff/merging/separate/", ticket=second.id, next=f"/staff/tickets/{second.id}")
    assert toasts(answer) == [f"{second.reference} is a ticket of its own again."]
    assert "Said on the second" in answer.text
    assert "merged" in toasts(send(agent, "/staff/merging/separate/", ticket=second.id))[0]


def test_a_merge_is_undone_from_its_toast(agent: FlaskClient, send: Send) -> None:
    first, second = make_ticket("First"), make_ticket("Second")
    answer = send(agent, "/staff/merging/", ticket=[first.id, second.id], into=second.id)
    send(agent, "/staff/undo/", **undo_in_toast(answer))
    assert listed(agent.get(ALL)) == [second.id, first.id]


def test_what_cannot_be_merged_is_told_with_what_was_chosen(agent: FlaskClient, send: Send) -> None:
    mine, theirs = make_ticket("Mine"), make_ticket("Theirs", requester_email="eve@example.com")
    answer = agent.post(
        "/staff/merging/", data={"ticket": [mine.id, theirs.id], "into": mine.id}, headers=csrf_header(agent)
    )
    assert answer.status_code == 409
    assert "are from different addresses" in answer.text
    assert answer.text.count('name="into"') == 2
    assert "There is no such ticket" in agent.get(f"/staff/merging/?ticket={mine.id}&ticket=4000000").text
    assert "has no e-mail address" in agent.get(f"/staff/merging/?ticket={make_ticket(requester_email=None).id}").text


@pytest.mark.parametrize("query", ["", "?ticket=abc", "?ticket=%00", "?ticket=" + "9" * 30, "?ticket=0"])
def test_a_bad_choice_is_refused_in_words(agent: FlaskClient, query: str) -> None:
    assert agent.get(f"/staff/merging/{query}").status_code == 400


def test_the_bar_under_the_queue_leads_to_the_question(app: Flask, agent: FlaskClient) -> None:
    ids = [make_ticket().id for _ in range(2)]
    answer = agent.post("/staff/merging/", data={"ticket": ids}, headers=csrf_header(agent))
    assert answer.location == f"/staff/merging/?ticket={ids[0]}&ticket={ids[1]}"
    many = [make_ticket().id for _ in range(merging.MERGED_MOST + 2)]
    assert agent.post("/staff/merging/", data={"ticket": many}, headers=csrf_header(agent)).status_code == 400


@pytest.mark.parametrize(
    "there", ["https://evil.test/staff/", "//evil.test/staff/", "/staff/\\evil", "/t/x", "javascript:1"]
)
def test_nobody_is_led_out_of_the_console(agent: FlaskClient, there: str) -> None:
    answer = agent.post("/staff/trash/restore/", data={"next": there}, headers=csrf_header(agent))
    assert answer.location == "/staff/queue/"


def test_files_are_found_where_their_ticket_goes(agent: FlaskClient, client: FlaskClient) -> None:
    sent = form_with((b"%PDF-1.7", "invoice.pdf"), title="Second", description="See the file.")
    made = client.post("/api/tickets/", **sent).get_json()
    second = db.session.get_one(Ticket, made["id"])
    second.requester_email = "ada@example.com"
    first = make_ticket("First")
    (file,) = attachments.of_description(second)
    merging.merge(first.id, [second.id], GRACE)
    db.session.commit()
    for path in (f"/t/{first.link_id.hex}", f"/t/{second.link_id.hex}", f"/staff/tickets/{first.id}"):
        assert agent.get(f"{path}/files/{file.id}").data == b"%PDF-1.7"
    trash.trash([first.id], GRACE)
    db.session.commit()
    assert f"/staff/tickets/{first.id}/files/{file.id}" in agent.get(f"/staff/trash/{first.id}").text
    assert agent.get(f"/staff/tickets/{first.id}/files/{file.id}").data == b"%PDF-1.7"
    assert client.get(f"/t/{first.link_id.hex}/files/{file.id}").status_code == 410
