"""Undoing bulk changes, merges and deletions: everything is as before, and what others did since stays."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import make_staff, make_ticket
from tests.tickets.standing import standing
from ticketdesk.ai import record
from ticketdesk.ai.suggest import Suggestion
from ticketdesk.core import clock
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.errors import Conflict, NotFound
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Act, Channel, Event, EventKind, MailState, Occasion, OutgoingMail, Ticket
from ticketdesk.tickets import acts, conversation, merging, service, snooze, trash, undo
from ticketdesk.tickets.service import Changes, Clear
from ticketdesk.tickets.tags import set_tags

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")


@pytest.fixture
def desk(app: Flask) -> list[Ticket]:
    """Tickets in all conditions: sleeping, tagged, assigned, talked about, proposed by an engine, done."""
    tickets = [make_ticket(f"The export stops at row {row}") for row in range(6)]
    snooze.snooze(tickets[0], clock.now() + timedelta(days=1), GRACE)
    set_tags(tickets[1], ["vip", "refund"], GRACE)
    service.change(tickets[2], Changes(assignee=make_staff(name="Ada"), status=Status.IN_PROGRESS), GRACE)
    conversation.add_reply(tickets[3], "Which rows?", GRACE, Channel.STAFF)
    conversation.add_note(tickets[3], "The old importer again.", GRACE, Channel.STAFF)
    conversation.add_reply(tickets[3], "All of them", CUSTOMER, Channel.PORTAL)
    guess = Suggestion(3.0, engine="local", model="m", category=Category.TECHNICAL, priority=Priority.LOW)
    record.record(guess, Occasion.JOB, tickets[4])
    service.change_status(tickets[5], Status.RESOLVED, GRACE)
    db.session.commit()
    return tickets


def changes(staff: Any) -> list[Changes]:
    return [
        Changes(status=Status.RESOLVED),
        Changes(status=Status.OPEN, priority=Priority.CRITICAL),
        Changes(category=Category.BILLING, priority=Priority.LOW, assignee=staff),
        Changes(assignee=Clear.CLEAR, tags=["spam"]),
        Changes(snoozed_until=Clear.CLEAR, title="Another title"),
    ]


@pytest.mark.parametrize("number", range(5))
def test_a_bulk_change_is_undone_to_the_letter_and_mails_nobody(desk: list[Ticket], number: int) -> None:
    wanted = changes(make_staff(name="Linus"))[number]
    before, mails = standing(), waiting()
    act = service.change_many([ticket.id for ticket in desk], wanted, GRACE).act
    db.session.commit()
    assert act is not None
    assert standing() != before
    done = undo.undo(act.id, GRACE)
    db.session.commit()
    assert done.sentence == "Undone."
    assert standing() == before
    assert waiting() == mails


def waiting() -> list[int]:
    return list(db.session.scalars(sa.select(OutgoingMail.id).where(OutgoingMail.state == MailState.WAITING)))


def test_trash_and_merge_are_undone_to_the_letter(desk: list[Ticket]) -> None:
    before, ids = standing(), [ticket.id for ticket in desk]
    for kind, chosen in (("trash", ids), ("merge", [ids[1], ids[0], ids[3]])):
        act = carry_out(kind, chosen, Changes())
        assert act is not None
        assert standing() != before
        assert undo.undo(act.id, GRACE).sentence == "Undone."
        assert standing() == before


ACTS = st.lists(
    st.tuples(st.sampled_from(["bulk", "trash", "merge"]), st.sets(st.integers(0, 5), min_size=2), st.integers(0, 4)),
    min_size=1,
    max_size=4,
)


def test_any_acts_are_undone_in_the_opposite_order(desk: list[Ticket]) -> None:
    staff = make_staff(name="Linus")
    ids = [ticket.id for ticket in desk]

    @settings(max_examples=10, deadline=None)
    @given(steps=ACTS)
    def check(steps: list[tuple[str, set[int], int]]) -> None:
        with db.session.begin_nested() as history:
            done = []
            for kind, places, number in steps:
                chosen, before = [ids[place] for place in sorted(places)], standing()
                act = carry_out(kind, chosen, changes(staff)[number])
                if act is not None:
                    done.append((act.id, before))
            for act_id, before in reversed(done):
                assert undo.undo(act_id, GRACE).kept == 0
                assert standing() == before
            history.rollback()
        db.session.expire_all()

    check()


def carry_out(kind: str, ids: list[int], wanted: Changes) -> Act | None:
    if kind == "bulk":
        return service.change_many(ids, wanted, GRACE).act
    if kind == "trash":
        return trash.trash(ids, GRACE)
    try:
        with db.session.begin_nested():
            return merging.merge(ids[0], ids[1:], GRACE)
    except (Conflict, NotFound):
        return None


def test_what_others_changed_since_stays_and_is_told(desk: list[Ticket]) -> None:
    act = service.change_many(
        [ticket.id for ticket in desk],
        Changes(priority=Priority.LOW, status=Status.CLOSED),
        GRACE,
    ).act
    assert act is not None
    conversation.add_reply(desk[0], "Not done at all!", CUSTOMER, Channel.PORTAL)
    service.change_priority(desk[1], Priority.CRITICAL, GRACE)
    trash.trash([desk[2].id], GRACE)
    db.session.commit()
    assert undo.undo(act.id, GRACE).sentence == (
        "Undone, but 3 of 6 tickets were changed since, and what was changed was left alone."
    )
    db.session.commit()
    first, second, third = (db.session.get_one(Ticket, ticket.id) for ticket in desk[:3])
    assert (first.status, first.snoozed_until, first.priority) == ("open", None, "high")
    assert (second.status, second.priority) == ("open", "critical")
    assert (third.status, third.priority) == ("closed", "low")


def test_an_act_is_undone_once_and_within_the_hour(desk: list[Ticket]) -> None:
    act = service.change_many([desk[0].id], Changes(priority=Priority.LOW), GRACE).act
    assert act is not None
    assert [each.id for each in acts.undoable_on(desk[0].id)] == [act.id]
    undo.undo(act.id, GRACE)
    assert acts.undoable_on(desk[0].id) == []
    with pytest.raises(Conflict, match="undone already"):
        undo.undo(act.id, GRACE)
    late = trash.trash([desk[1].id], GRACE)
    assert late is not None
    db.session.execute(sa.text("UPDATE act SET created_at = now() - interval '61 minutes'"))
    with pytest.raises(Conflict, match="more than an hour ago"):
        undo.undo(late.id, GRACE)
    assert acts.undoable_on(desk[1].id) == []
    db.session.execute(sa.text("UPDATE act SET created_at = now() - interval '8 days'"))
    acts.forget_old(timestamp=0)
    with pytest.raises(NotFound):
        undo.undo(late.id, GRACE)


@pytest.mark.parametrize("number", [0, 2**63])
def test_what_was_never_done_cannot_be_undone(app: Flask, number: int) -> None:
    with pytest.raises(NotFound):
        undo.undo(number, GRACE)


def test_nothing_changed_is_nothing_to_undo(desk: list[Ticket]) -> None:
    assert service.change_many([desk[5].id], Changes(status=Status.RESOLVED), GRACE) == (0, None)
    assert trash.trash([2**40], GRACE) is None


def test_an_undo_takes_as_many_statements_for_twenty_tickets_as_for_four(app: Flask) -> None:
    def statements_of(number: int) -> int:
        ids = [make_ticket().id for _ in range(number)]
        act = service.change_many(ids, Changes(priority=Priority.LOW, status=Status.CLOSED), GRACE).act
        assert act is not None
        db.session.commit()
        heard: list[str] = []

        def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            heard.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", hear)
        try:
            undo.undo(act.id, GRACE)
            db.session.commit()
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", hear)
        return len(heard)

    assert statements_of(20) == statements_of(4)


def test_the_history_tells_what_went_back(desk: list[Ticket]) -> None:
    act = service.change_many([desk[2].id], Changes(assignee=Clear.CLEAR, status=Status.CLOSED), GRACE).act
    assert act is not None
    undo.undo(act.id, Actor(ActorKind.STAFF, 2, "Linus"))
    event = db.session.scalars(sa.select(Event).order_by(Event.id.desc()).limit(1)).one()
    assert (event.kind, event.actor_label, event.data["act"]) == (EventKind.UNDONE, "Linus", "bulk")
    assert event.data["fields"]["status"] == {"from": "closed", "to": "in_progress"}
    assert event.data["fields"]["assignee"]["to"] == "Ada"
    assert event.data["undoes"] == act.event_ids
