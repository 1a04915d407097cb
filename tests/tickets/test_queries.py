"""Lists: filters, search, orders and keyset pages."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import make_ticket
from ticketdesk.core.errors import Invalid
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.tickets import queries
from ticketdesk.tickets.queries import Filter, Sort

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
