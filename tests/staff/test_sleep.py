"""Who has a ticket open, and putting it to sleep, on its page."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_ticket
from tests.staff.conftest import Send, me, toasts
from tests.staff.talking import LINUS
from ticketdesk.core import clock
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.tickets import service


class TestSleep:
    def test_a_ticket_sleeps_until_a_moment_and_is_woken(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        path = f"/staff/tickets/{ticket.id}"
        now = clock.now().replace(microsecond=0)
        until = now + timedelta(days=3)
        year = "" if until.year == now.year else f" {until.year}"
        [told] = toasts(send(agent, f"{path}/snooze", until=until.isoformat()))
        assert told == f"It sleeps until {until:%a} {until.day} {until:%b}{year} {until:%H:%M} UTC."
        assert db.session.get_one(Ticket, ticket.id).snoozed_until == until
        assert "Snoozed until" in agent.get(path).text
        assert toasts(send(agent, f"{path}/snooze", wake="wake")) == ["It is awake."]
        assert "Snoozed until" not in agent.get(path).text

    @pytest.mark.parametrize(
        ("zone", "hour"),
        [("Europe/Berlin", 8), ("America%2FNew_York", 14), ("", 9), ("Nowhere", 9), ("../../etc/passwd", 9)],
    )
    def test_a_time_is_the_callers_own(self, agent: FlaskClient, send: Send, zone: str, hour: int) -> None:
        ticket, year = make_ticket(), clock.now().year + 1
        agent.set_cookie("ticketdesk_zone", zone, path="/staff")
        send(agent, f"/staff/tickets/{ticket.id}/snooze", at=f"{year}-01-15T09:00")
        assert db.session.get_one(Ticket, ticket.id).snoozed_until == datetime(year, 1, 15, hour, tzinfo=UTC)
        assert f"until {year}-01-15 {hour:02}:00 UTC" in agent.get(f"/staff/tickets/{ticket.id}").text
        assert f"15 Jan {year} 09:00" in agent.get(f"/staff/tickets/{ticket.id}").text

    @pytest.mark.parametrize(
        ("fields", "fault"),
        [
            ({}, "Choose a day and a time."),
            ({"at": "soon"}, "Choose a day and a time."),
            ({"at": "0001-01-01T00:00"}, "This moment has passed"),
            ({"at": "2020-01-01T09:00"}, "This moment has passed"),
            ({"at": "9990-12-31T23:59"}, "at most"),
            ({"at": "9999-12-31T23:59"}, "Choose a day and a time."),
            ({"until": "\x00"}, "Choose a day and a time."),
        ],
    )
    def test_a_moment_that_cannot_be_comes_back_with_its_fault(
        self, agent: FlaskClient, send: Send, fields: dict[str, str], fault: str
    ) -> None:
        ticket = make_ticket()
        agent.set_cookie("ticketdesk_zone", "America/New_York", path="/staff")
        answer = send(agent, f"/staff/tickets/{ticket.id}/snooze", **fields)
        assert answer.status_code == 422
        assert fault in answer.text.split('id="snooze-fault"')[1].split("</p>")[0]
        assert f'value="{fields.get("at", "")}"' in answer.text
        assert db.session.get_one(Ticket, ticket.id).snoozed_until is None

    def test_a_ticket_that_is_done_does_not_sleep(self, agent: FlaskClient, send: Send) -> None:
        ticket = make_ticket()
        service.change_status(service.locked(ticket.id), Status.RESOLVED, LINUS)
        db.session.commit()
        assert 'id="snooze"' not in agent.get(f"/staff/tickets/{ticket.id}").text
        until = (clock.now() + timedelta(days=1)).isoformat()
        assert send(agent, f"/staff/tickets/{ticket.id}/snooze", until=until).status_code == 422


def test_others_who_have_the_ticket_open_are_told(app: Flask, agent: FlaskClient, admin: FlaskClient) -> None:
    me(app, agent).name = "<img src=x onerror=alert(1)>"
    db.session.commit()
    path = f"/staff/tickets/{make_ticket().id}"
    assert "has this open" not in agent.get(path).text
    shown = admin.get(path).text
    assert "<bdi>&lt;img src=x onerror=alert(1)&gt;</bdi> has this open, too" in shown
    agent.get(f"{path}/live?writing=")
    first = admin.get(f"{path}/live")
    assert "is writing a reply" in first.text
    again = admin.get(f"{path}/live", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
