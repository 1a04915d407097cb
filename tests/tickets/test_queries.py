"""Lists: filters, search, orders and keyset pages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import make_staff, make_ticket
from ticketdesk.core import clock
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.errors import Invalid
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.tickets import queries
from ticketdesk.tickets.assignment import assign
from ticketdesk.tickets.filter import Assignee, Filter
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.service import change_category, change_status
from ticketdesk.tickets.snooze import snooze
from ticketdesk.tickets.tags import set_tags
from ticketdesk.tickets.workflow import ACTIVE

GRACE = Actor(ActorKind.STAFF, 1, "Grace Hopper")
START = datetime(2026, 1, 1, tzinfo=UTC)


def fill(count: int) -> None:
    """Tickets whose values repeat with different periods, with ties in every sort key."""
    db.session.execute(
        sa.text(
            """
            INSERT INTO ticket (title, description, category, priority, status, created_at, updated_at)
            SELECT 'Ticket ' || n, 'Text ' || n,
                   (ARRAY['billing', 'technical', 'account', 'general'])[1 + n % 4],
                   (ARRAY['low', 'medium', 'high', 'critical'])[1 + n % 3],
                   (ARRAY['open', 'in_progress', 'resolved', 'closed'])[1 + n % 4],
                   :start + make_interval(mins => n / 3), :start + make_interval(mins => (n * 7 % 20) / 2)
            FROM generate_series(1, :count) AS n
            """
        ),
        {"start": START, "count": count},
    )


def walk(wanted: Filter, limit: int) -> list[int]:
    found: list[int] = []
    cursor = None
    while True:
        page = queries.page(wanted, cursor=cursor, limit=limit)
        found += [row.id for row in page.rows]
        assert len(page.rows) == limit or page.next is None
        if page.next is None:
            return found
        cursor = page.next


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("limit", [1, 7, 40, 200])
def test_pages_together_are_the_whole_list_in_order(app: Flask, sort: Sort, limit: int) -> None:
    fill(40)
    keys = {
        "created_at": lambda ticket: (ticket.created_at, ticket.id),
        "updated_at": lambda ticket: (ticket.updated_at, ticket.id),
        "priority": lambda ticket: (Priority(ticket.priority).rank, ticket.created_at, ticket.id),
        "status": lambda ticket: (Status(ticket.status).rank, ticket.created_at, ticket.id),
        "category": lambda ticket: (ticket.category, ticket.created_at, ticket.id),
    }
    tickets = db.session.scalars(sa.select(Ticket)).all()
    expected = sorted(tickets, key=keys[sort.removeprefix("-")], reverse=sort.startswith("-"))
    assert walk(Filter(sort=sort), limit) == [ticket.id for ticket in expected]


def test_tickets_that_arrive_meanwhile_move_nothing(app: Flask) -> None:
    fill(10)
    first = queries.page(Filter(), limit=5)
    expected = walk(Filter(), 200)[5:]
    make_ticket()
    rest = queries.page(Filter(), cursor=first.next, limit=50)
    assert [row.id for row in rest.rows] == expected


def words(kind: type[Category] | type[Priority] | type[Status]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(list(kind)))


def test_filters_combine(app: Flask) -> None:
    fill(48)
    everything = db.session.scalars(sa.select(Ticket)).all()

    @settings(max_examples=60)
    @given(category=words(Category), priority=words(Priority), status=words(Status))
    def check(category: frozenset[Category], priority: frozenset[Priority], status: frozenset[Status]) -> None:
        expected = {
            ticket.id
            for ticket in everything
            if (not category or ticket.category in category)
            and (not priority or ticket.priority in priority)
            and (not status or ticket.status in status)
        }
        wanted = Filter(category=category, priority=priority, status=status)
        assert set(walk(wanted, 11)) == expected
        assert queries.count(wanted, most=100) == len(expected)
        assert queries.count(wanted, most=3) == min(len(expected), 3)

    check()


def test_who_sleeps_is_counted_apart(app: Flask) -> None:
    fill(48)
    for ticket in db.session.scalars(sa.select(Ticket).where(Ticket.id % 5 == 0, Ticket.status.in_(ACTIVE))):
        snooze(ticket, clock.now() + timedelta(days=1), GRACE)
    for wanted in (Filter(snoozed=False), Filter(snoozed=False, status=ACTIVE), Filter(snoozed=True, status=ACTIVE)):
        assert queries.count(wanted, most=100) == len(walk(wanted, 200))


def test_neighbours_are_those_of_the_whole_list(app: Flask) -> None:
    fill(48)
    everything = db.session.scalars(sa.select(Ticket)).all()

    @settings(max_examples=80)
    @given(st.builds(Filter, category=words(Category), status=words(Status), sort=st.sampled_from(Sort)))
    def check(wanted: Filter) -> None:
        whole = walk(replace(wanted, category=frozenset(), status=frozenset()), 200)
        shown = walk(wanted, 200)
        for ticket in everything[::5]:
            place = whole.index(ticket.id)
            before = [number for number in whole[:place] if number in shown]
            behind = [number for number in whole[place + 1 :] if number in shown]
            expected = (before[-1] if before else None, behind[0] if behind else None)
            assert queries.neighbours(wanted, ticket) == expected

    check()


class TestFilters:
    def found(self, **wanted: Any) -> set[str]:
        page = queries.page(Filter(**wanted))
        titles = {row.title for row in page.rows}
        assert queries.count(Filter(**wanted), most=100) == len(titles)
        return titles

    def test_by_assignee(self, app: Flask) -> None:
        ada, bob = make_staff(), make_staff()
        for title, agent in (("a", ada), ("b", bob), ("n", None)):
            assign(make_ticket(title), agent, GRACE)
        assert self.found(assignee=frozenset({ada.id})) == {"a"}
        assert self.found(assignee=frozenset({ada.id, bob.id})) == {"a", "b"}
        assert self.found(assignee=frozenset({Assignee.NONE})) == {"n"}
        assert self.found(assignee=frozenset({Assignee.NONE, bob.id})) == {"b", "n"}
        assert self.found(assignee=frozenset({0})) == set()
        mine = Filter(assignee=frozenset({Assignee.ME, Assignee.NONE}))
        assert {row.title for row in queries.page(mine.seen_by(bob)).rows} == {"b", "n"}
        with pytest.raises(ValueError, match="seen_by"):
            queries.page(mine)

    def test_a_row_knows_its_assignee(self, app: Flask) -> None:
        ada = make_staff(name="Ada")
        assign(make_ticket(), ada, GRACE)
        make_ticket()
        names = [row.assignee and row.assignee.name for row in queries.page(Filter()).rows]
        assert names == [None, "Ada"]

    def test_by_tag(self, app: Flask) -> None:
        for title, tags in (("a", ["vip"]), ("b", ["vip", "refund"]), ("c", ["refund"]), ("d", [])):
            set_tags(make_ticket(title), tags, GRACE)
        assert self.found(tag=frozenset({"vip"})) == {"a", "b"}
        assert self.found(tag=frozenset({"vip", "refund"})) == {"a", "b", "c"}
        assert self.found(tag=frozenset({"vi"})) == set()

    def test_by_requester(self, app: Flask) -> None:
        make_ticket("a", requester_email="Ada@example.com")
        make_ticket("b", requester_email="bob@example.com")
        make_ticket("c", requester_email=None)
        assert self.found(requester="aDA@example.COM") == {"a"}
        assert self.found(requester="@example.com") == set()

    def test_by_time(self, app: Flask) -> None:
        for day in range(4):
            ticket = make_ticket(str(day))
            db.session.execute(
                sa.text("UPDATE ticket SET created_at = :at WHERE id = :id"),
                {"at": START + timedelta(days=day), "id": ticket.id},
            )
        assert self.found(created_after=START + timedelta(days=2)) == {"2", "3"}
        assert self.found(created_before=START + timedelta(days=2)) == {"0", "1"}
        assert self.found(created_after=START, created_before=START) == set()

    def test_by_sleep(self, app: Flask) -> None:
        snooze(make_ticket("asleep"), clock.now() + timedelta(days=1), GRACE)
        make_ticket("awake")
        assert self.found(snoozed=True) == {"asleep"}
        assert self.found(snoozed=False) == {"awake"}
        assert self.found() == {"asleep", "awake"}

    def test_by_who_has_to_choose_a_category(self, app: Flask) -> None:
        make_ticket("chosen")
        left, done = make_ticket("left", category=None), make_ticket("done", category=None)
        change_status(done, Status.RESOLVED, GRACE)
        assert self.found(needs_triage=True) == {"left"}
        assert self.found(needs_triage=True, status=frozenset({Status.OPEN, Status.CLOSED})) == {"left"}
        assert self.found(needs_triage=True, status=frozenset({Status.RESOLVED})) == set()
        assert self.found(needs_triage=True, assignee=frozenset({Assignee.NONE})) == {"left"}
        change_category(left, Category.GENERAL, GRACE)
        assert self.found(needs_triage=True) == set()

    def test_many_are_counted_at_once(self, app: Flask) -> None:
        fill(12)
        wanted = [Filter(status=frozenset({status})) for status in Status] + [Filter(search="text 7"), Filter()]
        assert queries.counts(wanted, most=10) == [3, 3, 3, 3, 1, 10]
        assert queries.counts([], most=10) == []


@pytest.mark.parametrize(
    ("typed", "finds"),
    [
        ("crème", True),
        ("CREME", True),
        ("brul", True),
        ("rul", False),
        ("strasse", True),
        ("straße brulee", True),
        ("crème missing", False),
        ('"creme brulee"', True),
        ('"brulee creme"', False),
        ("missing or creme", True),
        ("creme -brulee", False),
        ("creme -missing", True),
        ("creme -brulee-crumble", True),
        ("naïve", True),
        ("ＡＢＣ", True),
        ("١٢٣", True),
        ("", True),
        ("   ", True),
        ("'", True),
        ("& | ! ( ) : * <->", True),
        ('"', True),
        ('"creme', True),
        ("-", True),
        (":*", True),
        ("creme:*", True),
        ("\x00", True),
        ("creme\x00brulee", True),
        ("\ud800", True),
        ("\\", True),
        ("x" * 5000, False),
        ("td-", False),
        ("TD-99999999999999999999", False),
    ],
)
def test_what_is_typed_into_the_search_box(app: Flask, typed: str, finds: bool) -> None:
    make_ticket("Crème Brûlée", "Naïve words on the Straße, ＡＢＣ and ١٢٣")
    assert bool(queries.page(Filter(search=typed)).rows) is finds


def test_a_reference_finds_its_ticket_and_the_tickets_that_name_it(app: Flask) -> None:
    ticket = make_ticket("One", "Something")
    other = make_ticket("Two", f"The same as {ticket.reference}, please see there")
    make_ticket("Three", "Unrelated")
    found = queries.page(Filter(search=f" {ticket.reference.lower()} ")).rows
    assert [row.id for row in found] == [other.id, ticket.id]


@settings(max_examples=200)
@given(typed=st.text(max_size=60))
def search_never_breaks(typed: str) -> None:
    queries.page(Filter(search=typed))


def test_no_search_breaks(app: Flask) -> None:
    make_ticket()
    search_never_breaks()


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "W10", "bnVsbA", "WyItY3JlYXRlZF9hdCIsMSwyXQ", "é", "a" * 3000])
def test_a_cursor_that_is_none_is_refused(app: Flask, cursor: str) -> None:
    with pytest.raises(Invalid):
        queries.page(Filter(), cursor=cursor)


def test_a_cursor_of_another_order_is_refused(app: Flask) -> None:
    fill(3)
    cursor = queries.page(Filter(sort=Sort.OLDEST), limit=1).next
    with pytest.raises(Invalid):
        queries.page(Filter(sort=Sort.NEWEST), cursor=cursor)


def test_times_in_cursors_keep_their_microseconds(app: Flask) -> None:
    moments = [START + timedelta(microseconds=n) for n in range(3)]
    for moment in moments:
        db.session.execute(
            sa.text("INSERT INTO ticket (title, description, created_at) VALUES ('a', 'b', :moment)"),
            {"moment": moment},
        )
    assert len(walk(Filter(), 1)) == 3
