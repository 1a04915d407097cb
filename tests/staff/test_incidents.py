"""The banner that tells of an incident."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.factories import make_ticket
from tests.staff.conftest import Send, toasts
from ticketdesk.core import clock
from ticketdesk.extensions import db
from ticketdesk.models import Incident


@pytest.fixture
def incident() -> Incident:
    """Something that goes on."""
    now = clock.now()
    row = Incident(
        words=["code", "<b>sms</b>"],
        search="code or codes or sms",
        ticket_ids=[make_ticket().id, make_ticket().id],
        began_at=now.replace(hour=16, minute=5),
        seen_at=now - timedelta(minutes=1),
    )
    db.session.add(row)
    db.session.commit()
    return row


@pytest.mark.parametrize("page", ["/staff/", "/staff/queue/", "/staff/incidents/"])
def test_it_says_what_the_tickets_share_and_leads_to_them(agent: FlaskClient, incident: Incident, page: str) -> None:
    html = agent.get(page).text
    assert "<strong>2 similar tickets</strong>" in html
    assert "16:05 UTC" in html
    assert "&lt;b&gt;sms&lt;/b&gt;</span>" in html
    assert 'href="/staff/queue/?search=code+or+codes+or+sms"' in html


@pytest.mark.parametrize("page", ["/staff/", "/staff/queue/", "/staff/incidents/"])
def test_a_quiet_desk_has_none(agent: FlaskClient, page: str) -> None:
    make_ticket()
    html = agent.get(page).text
    assert 'id="incidents"' in html
    assert "similar tickets" not in html


@pytest.mark.parametrize(("page", "path"), [("queue", "/staff/queue/"), ("dashboard", "/staff/"), ("x", "/staff/")])
def test_who_dismisses_it_does_so_for_everybody(
    agent: FlaskClient, admin: FlaskClient, send: Send, incident: Incident, page: str, path: str
) -> None:
    answer = send(agent, "/staff/incidents/dismiss", incident=incident.id, page=page)
    assert answer.request.path == path
    assert toasts(answer) == ["Dismissed. Nobody is told of it again."]
    assert "similar tickets" not in admin.get("/staff/").text


@pytest.mark.parametrize("number", ["", "0", "999999", "9" * 30, "x", "\x00"])
def test_what_is_not_there_cannot_be_dismissed(agent: FlaskClient, send: Send, number: str) -> None:
    assert send(agent, "/staff/incidents/dismiss", incident=number).status_code == 404


def test_nothing_is_dismissed_without_the_token_of_the_page(agent: FlaskClient, incident: Incident) -> None:
    assert agent.post("/staff/incidents/dismiss", data={"incident": incident.id}).status_code == 400
    assert "similar tickets" in agent.get("/staff/incidents/").text


def test_the_part_that_refreshes_itself_costs_nothing_while_nothing_changes(
    agent: FlaskClient, incident: Incident
) -> None:
    first = agent.get("/staff/incidents/")
    assert "<html" not in first.text
    tag = {"If-None-Match": first.headers["ETag"]}
    assert agent.get("/staff/incidents/", headers=tag).status_code == 304
