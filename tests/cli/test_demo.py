"""`flask demo`: how many, where, and never among the tickets of real customers unless told to."""

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.cli.conftest import Run, refusal
from tests.conftest import opened, settings_for
from tests.factories import make_staff, make_ticket
from ticketdesk import create_app
from ticketdesk.core.actors import SYSTEM, Actor, ActorKind
from ticketdesk.core.vocabulary import Category
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.tickets import service, variables
from ticketdesk.tickets.canned import canned_replies_for


def tickets() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Ticket)) or 0


def test_it_makes_two_hundred_and_says_where_they_are(run: Run) -> None:
    result = run("demo")
    assert result.exit_code == 0
    assert tickets() == 200
    assert "Made 200 demo tickets over 90 days: " in result.stdout
    assert "http://desk.test/staff/" in result.stdout
    assert "setup-link" in result.stdout


def test_it_does_not_speak_of_the_set_up_after_it(run: Run) -> None:
    make_staff()
    assert "setup-link" not in run("demo", "1").stdout


@pytest.mark.parametrize("number", [1, 2_001])
def test_it_makes_just_as_many_as_it_is_told_to(run: Run, number: int) -> None:
    result = run("demo", str(number))
    assert result.exit_code == 0
    assert tickets() == number


def test_the_number_may_be_an_option(run: Run) -> None:
    assert run("demo", "--tickets", "3").exit_code == 0
    assert tickets() == 3
    assert run("demo", "4", "--tickets", "5").exit_code == 2


def test_tickets_are_assigned_to_those_who_work_there(run: Run) -> None:
    grace = make_staff(name="Grace Hopper")
    assert run("demo").exit_code == 0
    held = db.session.scalars(sa.select(Ticket.assignee_id).where(Ticket.assignee_id.is_not(None))).all()
    assert len(held) > 50
    assert set(held) == {grace.id}


def test_a_desk_without_canned_replies_gets_some(run: Run) -> None:
    for _ in range(2):
        assert run("demo", "1", "--yes").exit_code == 0
    kept = canned_replies_for(make_staff())
    assert [each.shortcut for each in kept] == ["screenshot", "known", "refund", "spam"]
    assert [fault for each in kept for fault in variables.faults(each.body or "")] == []
    assert [each.is_macro for each in kept] == [False, True, True, True]


@pytest.mark.parametrize("number", ["0", "-1", "10000001", "1.5", "many"])
def test_it_takes_no_other_numbers(run: Run, number: str) -> None:
    result = run("demo", "--", number)
    assert result.exit_code == 2
    assert "Invalid value for '[N]'" in result.stderr
    assert tickets() == 0


def test_the_same_seed_makes_the_same_and_none_makes_others(run: Run) -> None:
    def titles(*arguments: str) -> list[str]:
        known = set(db.session.scalars(sa.select(Ticket.id)))
        assert run("demo", "30", *arguments).exit_code == 0
        rows = db.session.execute(sa.select(Ticket.id, Ticket.title).order_by(Ticket.id))
        return [row.title for row in rows if row.id not in known]

    first = titles("--seed", "3")
    assert titles("--seed", "3") == first
    assert titles() != first
    assert titles() != titles()


def test_it_stays_out_of_a_desk_in_use(run: Run) -> None:
    make_ticket()
    assert refusal(run("demo")).startswith("This desk has real tickets (1)")
    assert tickets() == 1


def test_it_is_told_to_go_into_a_desk_in_use(run: Run) -> None:
    make_ticket()
    assert run("demo", "5", "--yes").exit_code == 0
    assert tickets() == 6


def test_demo_tickets_that_somebody_worked_on_are_still_no_real_ones(run: Run) -> None:
    run("demo", "5")
    ticket = service.locked(db.session.scalars(sa.select(sa.func.min(Ticket.id))).one())
    other = next(category for category in Category if category != ticket.category)
    service.change_category(ticket, other, Actor(ActorKind.STAFF, None, "Grace Hopper"))
    db.session.commit()
    assert run("demo", "5").exit_code == 0
    assert tickets() == 10


def test_a_real_ticket_after_it_has_a_number_of_its_own(run: Run) -> None:
    run("demo", "5")
    newest = db.session.scalars(sa.select(sa.func.max(Ticket.id))).one()
    assert make_ticket(actor=SYSTEM, category=None, priority=None).id > newest


def test_it_is_there_for_everybody(committed_url: str) -> None:
    with opened(create_app(settings_for(committed_url))) as app:
        assert app.test_cli_runner().invoke(args=["demo", "20"]).exit_code == 0
    with opened(create_app(settings_for(committed_url))) as app, app.app_context():
        assert tickets() == 20


def test_it_leaves_nothing_when_it_is_interrupted(committed_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with opened(create_app(settings_for(committed_url))) as app:
        monkeypatch.setattr("ticketdesk.demo.writing._suggestions", interrupted)
        result = app.test_cli_runner().invoke(args=["demo", "20"])
        assert result.exit_code == 1
        assert "Aborted!" in result.stderr
        with app.app_context():
            assert tickets() == 0


def test_it_names_the_way_to_the_schema_where_there_is_none(app: Flask, run: Run) -> None:
    db.session.execute(sa.text("ALTER TABLE ticket RENAME TO what_was_ticket"))
    assert "flask db upgrade" in refusal(run("demo"))
