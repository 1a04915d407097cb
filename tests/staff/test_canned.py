"""Keeping canned replies at the console."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_staff
from tests.staff.conftest import Send, me, toasts
from ticketdesk.extensions import db
from ticketdesk.models import CannedReply, Staff
from ticketdesk.tickets import canned
from ticketdesk.tickets.canned import NewCannedReply

HOSTILE = "<img src=x onerror=alert(1)>"


def keep(by: Staff, title: str = "Refund", *, shared: bool = False) -> CannedReply:
    made = canned.create_canned_reply(NewCannedReply(title, "Hi {{ requester.name }}", "refund"), by, shared=shared)
    db.session.commit()
    return made


def test_one_is_kept_with_all_it_holds_and_changed(app: Flask, agent: FlaskClient, send: Send) -> None:
    linus = make_staff(name="Linus Torvalds")
    values = {"title": HOSTILE, "body": f"Hi **you** {HOSTILE}", "shortcut": "/Hello There", "status": "closed"}
    values |= {"priority": "low", "category": "billing", "assignee": str(linus.id), "tags": "VIP, late"}
    answer = send(agent, "/staff/canned/new", **values)
    assert toasts(answer) == ["“&lt;img src=x onerror=alert(1)&gt;” is kept. Type / in a reply to use it."]
    assert "<img src=x" not in answer.text
    [made] = canned.canned_replies_for(me(app, agent))
    assert (made.shortcut, made.status, made.priority, made.category) == ("hello-there", "closed", "low", "billing")
    assert (made.assignee, made.tags, made.owner_id) == (linus, ["late", "vip"], me(app, agent).id)

    page = agent.get(f"/staff/canned/{made.id}").text
    assert "<img src=x" not in page
    assert 'value="late, vip"' in page
    assert page.count(" selected") == 4
    send(agent, f"/staff/canned/{made.id}", title="Plain", body="", tags="late")
    assert (made.title, made.body, made.status, made.assignee, made.tags) == ("Plain", None, None, None, ["late"])
    assert toasts(send(agent, f"/staff/canned/{made.id}/delete")) == [
        "“Plain” is deleted. What was sent with it stays."
    ]
    assert "No canned replies yet" in agent.get("/staff/canned/").text


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"title": " "}, "Give the canned reply a title."),
        ({"body": "{{ nobody }}"}, "There is no variable “nobody”"),
        ({"body": " ", "tags": ""}, "Write a text, or choose something to change."),
        ({"shortcut": "a/b"}, "Use letters, digits and dashes"),
        ({"shortcut": "refund"}, "“/refund” leads to another canned reply already."),
        ({"tags": "x" * 41}, "at most 40 fit"),
    ],
)
def test_what_cannot_be_kept_comes_back_with_its_fault(
    app: Flask, agent: FlaskClient, send: Send, values: dict[str, Any], fault: str
) -> None:
    kept = keep(me(app, agent))
    sent = {"title": "As typed", "body": "Some text.", "tags": "late"} | values
    answer = send(agent, "/staff/canned/new", **sent)
    assert answer.status_code == 422
    assert fault in answer.text
    assert f'value="{sent["tags"]}"' in answer.text
    assert canned.canned_replies_for(me(app, agent)) == [kept]


def test_a_change_that_cannot_be_leaves_it_as_it_was(app: Flask, agent: FlaskClient, send: Send) -> None:
    kept = keep(me(app, agent))
    answer = send(agent, f"/staff/canned/{kept.id}", title="Renamed", body="{{ nobody }}")
    assert answer.status_code == 422
    assert 'value="Renamed"' in answer.text
    assert (kept.title, kept.body) == ("Refund", "Hi {{ requester.name }}")


@pytest.mark.parametrize("values", [{"status": "gone"}, {"assignee": "999999"}, {"assignee": "x"}])
def test_what_no_form_offers_is_refused(agent: FlaskClient, send: Send, values: dict[str, str]) -> None:
    answer = send(agent, "/staff/canned/new", title="A", body="B", **values)
    assert answer.status_code == 422
    assert db.session.query(CannedReply).count() == 0


def test_what_is_shared_is_used_by_all_and_changed_by_admins(
    app: Flask, agent: FlaskClient, admin: FlaskClient, send: Send
) -> None:
    send(admin, "/staff/canned/new", title="For all", body="Hi", shared="y")
    [shared] = canned.canned_replies_for(me(app, agent))
    path = f"/staff/canned/{shared.id}"
    assert "For all" in agent.get("/staff/canned/").text
    assert path not in agent.get("/staff/canned/").text
    assert "Admins keep what everybody shares" in agent.get(path).text
    assert send(agent, path, title="Mine now", body="Hi").status_code == 403
    assert send(agent, f"{path}/delete").status_code == 403
    send(admin, path, title="Renamed", body="Hi", shared="y")
    assert (shared.title, shared.owner_id) == ("Renamed", None)
    send(admin, path, title="Renamed", body="Hi")
    assert shared.owner_id == me(app, admin).id


def test_an_agent_shares_nothing(app: Flask, agent: FlaskClient, send: Send) -> None:
    send(agent, "/staff/canned/new", title="For all", body="Hi", shared="y")
    assert db.session.query(CannedReply).one().owner_id == me(app, agent).id


def test_ones_own_is_nobody_elses(app: Flask, agent: FlaskClient, admin: FlaskClient, send: Send) -> None:
    own = keep(me(app, agent))
    assert "Refund" not in admin.get("/staff/canned/").text
    for path in (f"/staff/canned/{own.id}", "/staff/canned/0", f"/staff/canned/{'9' * 30}"):
        assert admin.get(path).status_code == 404
        assert send(admin, path, title="A", body="B").status_code == 404
        assert send(admin, f"{path}/delete").status_code == 404


def test_a_preview_fills_in_examples(agent: FlaskClient, send: Send) -> None:
    shown = send(agent, "/staff/canned/preview", body=f"Hi **{{{{ requester.name }}}}** {HOSTILE}").text
    assert "Hi <strong>Ada Lovelace</strong> &lt;img" in shown
    assert "There is no variable “nobody”" in send(agent, "/staff/canned/preview", body="{{ nobody }}").text
