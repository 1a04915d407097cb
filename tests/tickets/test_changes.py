"""Assigning, tagging and snoozing tickets, and when they were resolved."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_staff, make_ticket
from tests.jobs.drain import run_jobs
from ticketdesk.core import clock
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.errors import Conflict, Invalid
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import enqueue
from ticketdesk.models import Event, EventKind, Tag, Ticket
from ticketdesk.tickets import assignment, jobs, queries, service
from ticketdesk.tickets.rules import tidy_tag
from ticketdesk.tickets.service import Changes, Clear
from ticketdesk.tickets.snooze import snooze, wake, wake_due
from ticketdesk.tickets.tags import offered, set_tags

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")


def last_event(ticket: Ticket) -> Event:
    return queries.events_of(ticket)[-1]


def in_days(days: float) -> datetime:
    return clock.now() + timedelta(days=days)


def test_a_lock_shows_what_others_have_changed(app: Flask) -> None:
    ticket, grace = make_ticket(), make_staff()
    seen = queries.by_id(ticket.id)
    assert (seen.status, seen.assignee) == (Status.OPEN, None)
    others = sa.text("UPDATE ticket SET status = 'resolved', assignee_id = :agent WHERE id = :ticket")
    db.session.execute(others, {"agent": grace.id, "ticket": ticket.id})
    assert seen.status == Status.OPEN, "Nobody has told the session."

    locked = service.locked(ticket.id)
    assert locked is seen, "One ticket is one object, whoever holds it."
    assert (locked.status, locked.assignee, locked.version) == (Status.RESOLVED, grace, 2)
    assert not db.session.dirty


class TestAssign:
    def test_from_hand_to_hand(self, app: Flask) -> None:
        ticket, ada, bob = make_ticket(), make_staff(name="Ada"), make_staff(name="Bob")
        assert assignment.assign(ticket, ada, GRACE)
        assert last_event(ticket).data == {"from": None, "to": "Ada", "from_id": None, "to_id": ada.id}
        assert assignment.assign(ticket, bob, GRACE)
        assert last_event(ticket).data == {"from": "Ada", "to": "Bob", "from_id": ada.id, "to_id": bob.id}
        assert ticket.assignee_id == bob.id
        assert assignment.assign(ticket, None, GRACE)
        assert last_event(ticket).data == {"from": "Bob", "to": None, "from_id": bob.id, "to_id": None}
        assert ticket.assignee_id is None

    def test_to_whom_it_is_already_changes_nothing(self, app: Flask) -> None:
        ticket, ada = make_ticket(), make_staff()
        assert not assignment.assign(ticket, None, GRACE)
        assignment.assign(ticket, ada, GRACE)
        version = ticket.version
        assert not assignment.assign(ticket, ada, GRACE)
        assert ticket.version == version

    def test_nobody_works_with_an_account_that_is_switched_off(self, app: Flask) -> None:
        ticket, ada = make_ticket(), make_staff()
        ada.active = False
        with pytest.raises(Invalid, match="cannot be used"):
            assignment.assign(ticket, ada, GRACE)
        assert ada.id not in {agent.id for agent in assignment.agents()}

    def test_people_are_named_by_id_or_address(self, app: Flask) -> None:
        ada = make_staff(email="Ada@example.com")
        assert assignment.agent(ada.id) is ada
        assert assignment.agent(" ada@EXAMPLE.com ") is ada
        for who in (0, -1, ada.id + 1, 2**63, "bob@example.com", ""):
            with pytest.raises(Invalid):
                assignment.agent(who)


class TestTags:
    def test_they_are_tidied(self, app: Flask) -> None:
        ticket = make_ticket()
        assert set_tags(ticket, [" #VIP ", "Big  Customer", "vip", "", "Rückgabe", "c++", "ｆｕｌｌ"], GRACE)
        assert ticket.tags == ["big-customer", "c++", "full", "rückgabe", "vip"]
        assert last_event(ticket).data == {"from": [], "to": ticket.tags}
        assert not set_tags(ticket, ["VIP", "full", "rückgabe", "big customer", "c++"], GRACE)
        assert set_tags(ticket, [], GRACE)
        assert ticket.tags == []

    @pytest.mark.parametrize(
        "tags",
        [["a,b"], ["x" * 41], ["a\x00b"], ["\ud800"], ["a\u200bb"], ['"a"'], ["<b>"], [str(n) for n in range(21)]],
    )
    def test_a_tag_that_cannot_be_used_is_named(self, app: Flask, tags: list[str]) -> None:
        with pytest.raises(Invalid) as error:
            set_tags(make_ticket(), tags, GRACE)
        assert {fault.field for fault in error.value.faults} == {"tags"}

    def test_whatever_the_rule_lets_through_the_database_takes(self, app: Flask) -> None:
        ticket = make_ticket()

        @given(st.lists(st.text(st.characters(), max_size=45), max_size=22))
        def check(tags: Sequence[str]) -> None:
            try:
                set_tags(ticket, tags, GRACE)
            except Invalid:
                return
            db.session.flush()
            assert ticket.tags == sorted({tidy_tag(tag) for tag in ticket.tags})

        check()

    def test_those_in_use_are_offered(self, app: Flask) -> None:
        one, two = make_ticket(), make_ticket()
        set_tags(one, ["refund", "refund-done", "re%", "vip"], GRACE)
        set_tags(two, ["reset"], GRACE)
        assert offered() == ["re%", "refund", "refund-done", "reset", "vip"]
        set_tags(two, [], GRACE)
        assert offered() == ["re%", "refund", "refund-done", "vip"]
        assert db.session.get(Tag, "reset") is not None


class TestSnooze:
    def test_until_a_moment(self, app: Flask) -> None:
        ticket, until = make_ticket(), in_days(1)
        assert snooze(ticket, until, GRACE)
        assert not snooze(ticket, until, GRACE)
        assert snooze(ticket, in_days(2), GRACE)
        assert last_event(ticket).data["from"] == until.isoformat()
        assert wake(ticket, GRACE)
        assert last_event(ticket).kind == EventKind.WOKEN
        assert not wake(ticket, GRACE)

    @pytest.mark.parametrize("days", [-1, 0, 5 * 366 + 1])
    def test_a_moment_that_cannot_be_slept_to(self, app: Flask, days: float) -> None:
        with pytest.raises(Invalid) as error:
            snooze(make_ticket(), in_days(days), GRACE)
        assert [fault.field for fault in error.value.faults] == ["snoozed_until"]

    @pytest.mark.parametrize("status", [Status.RESOLVED, Status.CLOSED])
    def test_what_is_done_does_not_sleep(self, app: Flask, status: Status) -> None:
        ticket = make_ticket()
        snooze(ticket, in_days(1), GRACE)
        service.change_status(ticket, status, GRACE)
        assert ticket.snoozed_until is None
        assert [event.kind for event in queries.events_of(ticket)[-2:]] == [EventKind.STATUS_CHANGED, EventKind.WOKEN]
        with pytest.raises(Conflict):
            snooze(ticket, in_days(1), GRACE)

    def test_the_job_wakes_what_is_due_once(self, app: Flask) -> None:
        due, later, awake = make_ticket(), make_ticket(), make_ticket()
        snooze(due, in_days(1), GRACE)
        snooze(later, in_days(3), GRACE)
        db.session.flush()
        db.session.execute(sa.text("UPDATE ticket SET snoozed_until = snoozed_until - interval '2 days'"))
        enqueue(jobs.wake_due, timestamp=0)
        run_jobs(times=2)
        assert due.snoozed_until is None
        assert later.snoozed_until is not None
        woken = db.session.scalars(sa.select(Event).where(Event.kind == EventKind.WOKEN)).all()
        assert [(event.ticket_id, event.actor_kind) for event in woken] == [(due.id, "system")]
        assert len(queries.events_of(awake)) == 1

    def test_more_than_one_run_wakes_are_left_for_the_next(self, app: Flask) -> None:
        for ticket in [make_ticket() for _ in range(3)]:
            snooze(ticket, in_days(1), GRACE)
        db.session.flush()
        db.session.execute(sa.text("UPDATE ticket SET snoozed_until = now() - make_interval(hours => id::int)"))
        assert [wake_due(most=2), wake_due(most=2), wake_due(most=2)] == [2, 1, 0]


class TestResolvedAt:
    def test_it_is_when_the_ticket_was_last_done(self, app: Flask) -> None:
        ticket = make_ticket()
        service.change_status(ticket, Status.IN_PROGRESS, GRACE)
        assert ticket.resolved_at is None
        service.change_status(ticket, Status.RESOLVED, GRACE)
        assert ticket.resolved_at == last_event(ticket).created_at
        db.session.execute(sa.text("UPDATE ticket SET resolved_at = '2020-01-01 00:00Z'"))
        db.session.refresh(ticket)
        service.change_status(ticket, Status.CLOSED, CUSTOMER)
        assert ticket.resolved_at == datetime(2020, 1, 1, tzinfo=UTC), "Closing does not resolve it again."
        service.change_status(ticket, Status.OPEN, CUSTOMER)
        assert ticket.resolved_at is None

    def test_closing_at_once_resolves(self, app: Flask) -> None:
        ticket = make_ticket()
        service.change_status(ticket, Status.CLOSED, GRACE)
        assert ticket.resolved_at is not None


class TestTogether:
    def test_several_changes_are_one_call(self, app: Flask) -> None:
        ticket, ada = make_ticket(), make_staff()
        service.change_status(ticket, Status.RESOLVED, GRACE)
        changes = Changes(status=Status.OPEN, assignee=ada, tags=["vip"], snoozed_until=in_days(1))
        assert service.change(ticket, changes, GRACE)
        assert (ticket.status, ticket.assignee, ticket.tags) == (Status.OPEN, ada, ["vip"])
        assert ticket.snoozed_until is not None
        assert not service.change(ticket, changes, GRACE)

    def test_none_leaves_and_clear_empties(self, app: Flask) -> None:
        ticket, ada = make_ticket(), make_staff()
        service.change(ticket, Changes(assignee=ada, tags=["vip"], snoozed_until=in_days(1)), GRACE)
        assert not service.change(ticket, Changes(), GRACE)
        empty: dict[str, Any] = {"assignee": Clear.CLEAR, "tags": [], "snoozed_until": Clear.CLEAR}
        assert service.change(ticket, Changes(**empty), GRACE)
        assert (ticket.assignee, ticket.tags, ticket.snoozed_until) == (None, [], None)
        assert not service.change(ticket, Changes(**empty), GRACE)

    def test_many_tickets_at_once(self, app: Flask) -> None:
        tickets, ada = [make_ticket() for _ in range(3)], make_staff()
        assignment.assign(tickets[0], ada, GRACE)
        changed, _act = service.change_many([ticket.id for ticket in tickets], Changes(assignee=ada), GRACE)
        assert changed == 2
        assert {ticket.assignee_id for ticket in tickets} == {ada.id}
