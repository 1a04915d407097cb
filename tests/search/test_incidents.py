"""Incidents among 10,000 tickets: the right one, once, and none where there is none."""

from datetime import timedelta
from random import Random

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import make_staff
from tests.jobs.drain import run_jobs
from tests.search.conftest import Plant
from ticketdesk.core import clock
from ticketdesk.core.errors import NotFound
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import enqueue
from ticketdesk.models import Incident
from ticketdesk.search import incidents
from ticketdesk.search.incidents import GOES_ON, current, dismiss, look, look_for_incidents
from ticketdesk.tickets import queries
from ticketdesk.tickets.filter import Filter


def usual(number: int, seed: int = 1) -> list[tuple[str, str]]:
    """Texts of tickets that the desk has had, as unrelated as those."""
    rows = db.session.execute(sa.text("SELECT title, description FROM ticket ORDER BY id")).all()
    return [(row.title, row.description) for row in Random(seed).sample(rows, number)]


def all_incidents() -> list[Incident]:
    return list(db.session.scalars(sa.select(Incident).order_by(Incident.id)))


@pytest.mark.parametrize("outage", ["codes", "labels"])
def test_an_outage_makes_one_banner_with_the_right_tickets(plant: Plant, outage: str) -> None:
    planted = set(plant(outage))
    plant(usual(8))
    look(clock.now())
    (incident,) = current()
    told = set(incident.ticket_ids)
    assert len(told & planted) >= 0.9 * len(told), "hardly another ticket is among them"
    assert len(told & planted) >= 0.6 * len(planted), "most of those that tell of it are among them"
    assert {"codes": "code", "labels": "labels"}[outage] in incident.words
    found = {row.id for row in queries.page(Filter(search=incident.search), limit=200).rows}
    assert len(told & found) >= 0.9 * len(told), "the link leads to them"


def test_a_quiet_day_has_none(full_desk: Flask) -> None:
    for hours in range(0, 24 * 7, 5):
        look(clock.now() - timedelta(hours=hours))
    assert all_incidents() == []


@pytest.mark.parametrize("number", [60, 400])
def test_a_busy_hour_has_none(plant: Plant, number: int) -> None:
    plant(usual(number))
    look(clock.now())
    assert all_incidents() == []


def test_a_handful_is_none(plant: Plant) -> None:
    plant([("Flux capacitor burns", "Help!")] * 4)
    look(clock.now())
    assert all_incidents() == []


def test_two_at_once_are_two(plant: Plant) -> None:
    codes, labels = set(plant("codes")), set(plant("labels"))
    look(clock.now())
    first, second = current()
    for incident in (first, second):
        told = set(incident.ticket_ids)
        assert max(len(told & codes), len(told & labels)) >= 0.85 * len(told)


def test_an_incident_that_goes_on_stays_one_and_grows(plant: Plant) -> None:
    plant("codes", minutes=20, until=clock.now() - timedelta(minutes=30))
    look(clock.now() - timedelta(minutes=30))
    (early,) = all_incidents()
    before, began_at = len(early.ticket_ids), early.began_at
    plant("codes", minutes=20)
    look(clock.now())
    (incident,) = current()
    assert incident.id == early.id
    assert len(incident.ticket_ids) > before
    assert incident.began_at == began_at


def test_it_is_told_of_only_while_it_goes_on(plant: Plant) -> None:
    ended = clock.now() - GOES_ON - timedelta(seconds=1)
    plant("codes", until=ended)
    look(ended)
    assert len(all_incidents()) == 1
    assert current() == []


def test_what_is_dismissed_is_told_to_nobody_though_it_goes_on(plant: Plant) -> None:
    staff = make_staff()
    plant("codes")
    look(clock.now())
    (told,) = current()
    dismiss(told.id, staff)
    plant("codes")
    look(clock.now())
    assert current() == []
    incident = db.session.get_one(Incident, told.id)
    assert incident.dismissed_by_id == staff.id
    dismissed_at = incident.dismissed_at
    dismiss(incident.id, make_staff())
    assert (incident.dismissed_at, incident.dismissed_by_id) == (dismissed_at, staff.id)
    with pytest.raises(NotFound):
        dismiss(0, staff)


def test_the_names_of_days_and_months_are_no_news(plant: Plant) -> None:
    plant([(title, f"{text} Thermidor, Dezember, december.") for title, text in usual(30)])
    look(clock.now())
    assert [incident.words for incident in current()] == [["thermidor"]]


def test_a_new_desk_knows_nothing_unusual(app: Flask) -> None:
    db.session.execute(
        sa.text("INSERT INTO ticket (title, description) SELECT 'Flux', 'burns' FROM generate_series(1, 50)")
    )
    look(clock.now() + timedelta(seconds=1))
    assert all_incidents() == []


def test_the_week_is_sampled_on_a_busy_desk(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "WEEK_MAX", 200)
    plant("labels")
    look(clock.now())
    assert len(current()) == 1


def test_the_worker_looks_every_minute(plant: Plant) -> None:
    plant("codes")
    for _ in range(2):
        enqueue(look_for_incidents, timestamp=0)
    assert "search.look_for_incidents" in run_jobs()
    assert len(current()) == 1
