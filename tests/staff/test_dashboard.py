"""The dashboard's figures, and the charts they are drawn as."""

import itertools
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from tests.factories import make_ticket
from ticketdesk.core import clock
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.staff import charts


def test_a_fresh_desk_says_what_to_do_first(agent: FlaskClient) -> None:
    html = agent.get("/staff/").text
    assert "No tickets yet" in html
    assert 'href="http://desk.test/"' in html
    assert "./run demo" in html
    assert '<svg class="donut"' not in html


def test_figures_are_counted_and_lead_to_their_tickets(agent: FlaskClient) -> None:
    for priority in (Priority.LOW, Priority.CRITICAL, Priority.CRITICAL):
        make_ticket(category=Category.BILLING, priority=priority)
    old = make_ticket(category=Category.GENERAL, priority=Priority.HIGH)
    db.session.execute(
        update(Ticket)
        .where(Ticket.id == old.id)
        .values(status=Status.IN_PROGRESS, created_at=clock.now() - timedelta(days=10))
    )
    db.session.commit()
    text = " ".join(agent.get("/staff/").text.split())
    assert (
        'href="/staff/queue/?status=open&amp;sort=created_at"> <span class="label">Open</span> <strong class="number">3'
        in text
    )
    assert '<span class="label">In progress</span> <strong class="number">1' in text
    assert '<span class="label">Resolved</span> <strong class="number">0' in text
    assert '<strong class="number">0.4</strong> <span class="muted small">3 today, 3 in 7 days' in text
    assert 'href="/staff/queue/?priority=critical">Critical</a>' in text
    assert "2 tickets of 4 have the priority critical." in text
    assert "Billing: 75 %, Technical: 0 %, Account: 0 %, General: 25 %" in text
    assert "4 tickets in 30 days, at most 3 on one day." in text


def test_the_most_urgent_tickets_come_first_and_finished_ones_not_at_all(agent: FlaskClient) -> None:
    make_ticket("Just a wish", priority=Priority.LOW)
    make_ticket("All is lost", priority=Priority.CRITICAL)
    done = make_ticket("Solved already", priority=Priority.CRITICAL)
    db.session.execute(update(Ticket).where(Ticket.id == done.id).values(status=Status.RESOLVED))
    db.session.commit()
    html = agent.get("/staff/").text
    assert html.index("All is lost") < html.index("Just a wish")
    assert "Solved already" not in html


def test_the_figures_refresh_for_nothing_while_nothing_changes(agent: FlaskClient) -> None:
    make_ticket()
    first = agent.get("/staff/figures")
    assert "<html" not in first.text
    assert agent.get("/staff/figures", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    make_ticket()
    assert agent.get("/staff/figures", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_arcs_go_round_once_and_leave_nothing_out() -> None:
    arcs = charts.donut({"billing": 6, "technical": 3, "account": 0, "general": 1})
    assert [arc.word for arc in arcs] == ["billing", "technical", "general"]
    ends = [arc.start + arc.length for arc in arcs]
    assert all(later.start > end for end, later in zip(ends, arcs[1:], strict=False))
    assert ends[-1] < 100
    assert arcs[0].length == pytest.approx(60 - charts.DONUT_GAP)


def test_one_part_is_a_whole_ring_and_a_sliver_is_still_seen() -> None:
    assert [(arc.start, arc.length) for arc in charts.donut({"billing": 5, "technical": 0})] == [(0, 100)]
    assert min(arc.length for arc in charts.donut({"billing": 100_000, "technical": 1})) > 0
    assert charts.donut({"billing": 0}) == []


def test_columns_stand_side_by_side_on_the_ground() -> None:
    first = date(2026, 1, 1)
    columns = charts.columns([(first + timedelta(days=n), n) for n in range(30)], top=40)
    assert columns[0].height == 0
    for column in columns:
        assert column.y + column.height == pytest.approx(100)
        assert 0 <= column.x < column.x + column.width <= 100
    assert all(one.x + one.width < other.x for one, other in itertools.pairwise(columns))


@pytest.mark.parametrize(
    ("most", "top"),
    [(0, 2), (1, 2), (2, 2), (3, 4), (5, 6), (10, 10), (11, 20), (41, 60), (101, 200), (10**6, 10**6)],
)
def test_the_axis_ends_at_a_round_number(most: int, top: int) -> None:
    assert charts.round_top(most) == top
