"""Drafts, who has a ticket open, and saved views."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import make_staff, make_ticket
from ticketdesk.core import clock
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.errors import Conflict, Forbidden, Invalid
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import MessageKind, Role, Staff
from ticketdesk.tickets import saved_views
from ticketdesk.tickets.assignment import assign
from ticketdesk.tickets.drafts import clear_draft, drafts_of, save_draft
from ticketdesk.tickets.filter import Assignee, Filter
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.presence import note_presence, who_is_here
from ticketdesk.tickets.saved_views import STANDARD, VIEWS_MAX, View, counted_views_of, save_view, view_of, views_of
from ticketdesk.tickets.snooze import snooze

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")


class TestDrafts:
    def test_they_are_kept_to_the_letter_for_one_person(self, app: Flask) -> None:
        ticket, ada, bob = make_ticket(), make_staff(), make_staff()
        save_draft(ada, ticket, MessageKind.REPLY, "Dear ")
        save_draft(ada, ticket, MessageKind.REPLY, "Dear Mr. ")
        save_draft(ada, ticket, MessageKind.NOTE, "Him again\r\n")
        assert drafts_of(ada, ticket) == {MessageKind.REPLY: "Dear Mr. ", MessageKind.NOTE: "Him again\r\n"}
        assert drafts_of(bob, ticket) == {}
        assert drafts_of(ada, make_ticket()) == {}

    def test_an_emptied_or_sent_one_is_gone(self, app: Flask) -> None:
        ticket, ada = make_ticket(), make_staff()
        for kind in MessageKind:
            save_draft(ada, ticket, kind, "x")
        save_draft(ada, ticket, MessageKind.NOTE, " \n")
        assert set(drafts_of(ada, ticket)) == {MessageKind.REPLY}
        clear_draft(ada, ticket, MessageKind.REPLY)
        assert drafts_of(ada, ticket) == {}

    @pytest.mark.parametrize("body", ["x" * 20_001, "x" + " " * 20_000, "a\x00"])
    def test_one_that_cannot_be_kept_is_refused(self, app: Flask, body: str) -> None:
        with pytest.raises(Invalid):
            save_draft(make_staff(), make_ticket(), MessageKind.REPLY, body)


class TestPresence:
    def test_others_are_seen_while_their_page_is_open(self, app: Flask) -> None:
        ticket, ada, bob = make_ticket(), make_staff(name="Ada"), make_staff(name="Bob")
        note_presence(ticket.id, ada)
        note_presence(ticket.id, bob)
        note_presence(ticket.id, bob, typing=True)
        assert [(who.name, who.typing) for who in who_is_here(ticket, besides=ada)] == [("Bob", True)]
        assert [(who.name, who.typing) for who in who_is_here(ticket, besides=bob)] == [("Ada", False)]
        assert who_is_here(make_ticket(), besides=ada) == []
        db.session.execute(sa.text("UPDATE presence SET seen_at = seen_at - interval '21 seconds'"))
        assert who_is_here(ticket, besides=ada) == []

    def test_what_was_open_before_is_forgotten(self, app: Flask) -> None:
        one, two, ada = make_ticket(), make_ticket(), make_staff()
        note_presence(one.id, ada)
        note_presence(two.id, ada)
        assert db.session.scalar(sa.text("SELECT count(*) FROM presence")) == 2, "Two tabs are two tickets."
        db.session.execute(sa.text("UPDATE presence SET seen_at = seen_at - interval '1 minute'"))
        note_presence(two.id, ada)
        assert db.session.scalars(sa.text("SELECT ticket_id FROM presence")).all() == [two.id]


class TestSavedViews:
    def test_a_filter_comes_back_whole(self, app: Flask) -> None:
        ada = make_staff()
        wanted = Filter(
            category=frozenset({Category.BILLING}),
            priority=frozenset({Priority.HIGH, Priority.CRITICAL}),
            status=frozenset({Status.OPEN}),
            assignee=frozenset({Assignee.ME, Assignee.NONE, 5}),
            tag=frozenset({"vip"}),
            requester="a@b.de",
            created_after=datetime(2026, 1, 31, 9, tzinfo=UTC),
            created_before=datetime(2026, 2, 1, tzinfo=UTC),
            snoozed=False,
            needs_triage=True,
            search='"no answer"',
            sort=Sort.MOST_URGENT,
        )
        save_view("Everything at once", wanted, ada)
        save_view("All", Filter(), ada)
        db.session.expire_all()
        assert [view.wanted for view in kept(ada)] == [wanted, Filter()]

    def test_shared_ones_come_first_and_each_in_its_order(self, app: Flask) -> None:
        admin, ada, bob = make_staff(Role.ADMIN), make_staff(), make_staff()
        own, second, shared, more = (
            save_view("Own", Filter(), ada),
            save_view("Second", Filter(), ada),
            save_view("Shared", Filter(), admin, shared=True),
            save_view("More", Filter(), ada, shared=True),
        )
        save_view("Another's", Filter(), bob)
        assert views_of(ada) == [*STANDARD, shared, more, own, second]
        saved_views.order_views([second.key, own.key], ada)
        saved_views.move_view(shared, admin, up=False)
        assert kept(ada) == [more, shared, second, own]
        saved_views.move_view(own, ada, up=False)
        saved_views.move_view(own, ada, up=True)
        assert kept(ada) == [more, shared, own, second]
        for wrong in ([own.key], [own.key, second.key, shared.key], [own.key, own.key], []):
            with pytest.raises(Invalid):
                saved_views.order_views(wrong, ada)
        with pytest.raises(Forbidden):
            saved_views.move_view(shared, ada, up=True)

    def test_they_are_changed_by_who_made_them_and_shared_ones_by_admins_too(self, app: Flask) -> None:
        admin, ada, bob = make_staff(Role.ADMIN), make_staff(), make_staff()
        own, shared = save_view("Own", Filter(), ada), save_view("Shared", Filter(), ada, shared=True)
        admins = save_view("Admins", Filter(), admin, shared=True)
        who_may = {view.name: [staff for staff in (admin, ada, bob) if view.may_be_changed_by(staff)]
                   for view in (own, shared, admins, STANDARD[0])}  # fmt: skip
        assert who_may == {"Own": [ada], "Shared": [admin, ada], "Admins": [admin], "Mine": []}
        assert view_of(own.key, bob) is None
        assert view_of(own.key, ada) == own
        for view, staff in ((own, bob), (shared, bob), (admins, ada), (STANDARD[0], admin)):
            with pytest.raises(Forbidden):
                saved_views.change_view(view, staff, name="Mine")
            with pytest.raises(Forbidden):
                saved_views.delete_view(view, staff)
        saved_views.change_view(own, ada, name=" New  name ", wanted=Filter(search="x"))
        saved_views.delete_view(shared, ada)
        saved_views.delete_view(admins, admin)
        assert [(view.name, view.wanted.search) for view in kept(ada)] == [("New name", "x")]

    @pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\x00"])
    def test_a_name_that_cannot_be_used(self, app: Flask, name: str) -> None:
        with pytest.raises(Invalid):
            save_view(name, Filter(), make_staff())

    def test_a_side_bar_holds_so_many(self, app: Flask) -> None:
        ada = make_staff()
        for number in range(VIEWS_MAX):
            save_view(str(number), Filter(), ada)
        with pytest.raises(Conflict):
            save_view("One more", Filter(), ada)

    def test_each_is_counted_for_who_looks(self, app: Flask) -> None:
        admin, ada, bob = make_staff(Role.ADMIN), make_staff(), make_staff()
        for agent in (ada, ada, bob, None):
            assign(make_ticket(), agent, GRACE)
        snooze(make_ticket(category=None), clock.now() + timedelta(days=1), GRACE)
        make_ticket(category=None)
        save_view("Ada's", Filter(assignee=frozenset({ada.id})), admin, shared=True)
        save_view("All", Filter(), ada)

        def counts(staff: Staff) -> dict[str, int]:
            return {counted.view.name: counted.tickets for counted in counted_views_of(staff)}

        everybodys = {"Unassigned": 2, "Needs triage": 1, "Snoozed": 1, "All open": 5, "Ada's": 2}
        assert counts(ada) == {"Mine": 2, **everybodys, "All": 6}
        assert counts(bob) == {"Mine": 1, **everybodys}


def kept(staff: Staff) -> list[View]:
    """What somebody sees besides the views of every desk."""
    return [*views_of(staff)[len(STANDARD) :]]
