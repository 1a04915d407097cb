"""Lists with a search and filters: whichever way is taken, the rows are the same, and common words take a short one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketdesk import reading, replica
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.reading import Statement
from ticketdesk.search import frequencies
from ticketdesk.search.frequencies import Frequencies
from ticketdesk.search.query import read
from ticketdesk.tickets import queries
from ticketdesk.tickets.filter import Assignee, Filter, filtered
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.rows import Listed
from ticketdesk.tickets.ways import Way, quickest
from ticketdesk.tickets.workflow import ACTIVE, DONE

START = datetime(2026, 1, 1, tzinfo=UTC)
TICKETS = 240
WORDS = ("jam", "paper", "printer", "printers", "toner")

# What a desk with a million tickets knows, of which one in thirty is open; words have four letters, so that they are
# read as they are typed.
OPEN, CLOSED = 2_000, 58_500
KNOWN = Frequencies(
    tickets=1_000_000,
    days=range(START.toordinal() - 999, START.toordinal() + 1),
    until=range(1_000, 1_001_000, 1_000),
    lexemes=("all.", "many", "some"),
    shares=(0.3, 0.15, 0.01),
    rare=0.00005,
    kinds={
        (category, priority, status): OPEN if status == Status.OPEN else CLOSED
        for category in Category
        for priority in Priority
        for status in (Status.OPEN, Status.CLOSED)
    },
)


@pytest.fixture
def desk(app: Flask) -> Flask:
    """Tickets over four years, with ties, of all kinds, each with two of the words."""
    db.session.execute(
        sa.text(
            """
            INSERT INTO ticket (title, description, category, priority, status, created_at, updated_at)
            SELECT (CAST(:words AS text[]))[1 + n % 5], (CAST(:words AS text[]))[1 + (n * n / 3) % 5],
                (ARRAY['billing', 'technical', 'account', 'general'])[1 + n % 4],
                (ARRAY['low', 'medium', 'high', 'critical'])[1 + n % 3],
                (ARRAY['open', 'in_progress', 'resolved', 'closed'])[1 + n / 7 % 4],
                :start - make_interval(hours => n * n / 2), :start - make_interval(hours => n * 7 % 90)
            FROM generate_series(1, :tickets) AS n
            """
        ),
        {"words": list(WORDS), "start": START, "tickets": TICKETS},
    )
    db.session.execute(sa.text("UPDATE ticket SET gone_at = now() WHERE id % 10 = 0"))
    return app


def some(words: type[Category] | type[Priority] | type[Status]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(words), max_size=2)


FILTERS = st.builds(
    Filter,
    category=some(Category),
    priority=some(Priority),
    status=some(Status),
    assignee=st.sampled_from([frozenset(), frozenset({Assignee.NONE})]),
    snoozed=st.sampled_from([None, False]),
    search=st.sampled_from([*WORDS, "pr", "printer toner", "paper -jam", "-jam", "toner or jam", '"paper jam"']),
    sort=st.just(Sort.NEWEST) | st.sampled_from(Sort),
)


@pytest.mark.parametrize("looks", [0, 1, 4])
@pytest.mark.parametrize("by_stretches", [True, False])
def test_every_way_leads_to_the_same_rows(
    desk: Flask, looks: int, by_stretches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Days are looked through for words that are common.
    monkeypatch.setattr(frequencies, "current", lambda: replace(KNOWN, lexemes=WORDS, shares=(0.3,) * len(WORDS)))

    def way(_asked: object, wanted: Filter, *_: object) -> Way:
        only_kinds = wanted.sort is Sort.NEWEST and wanted.but_for_search.only_kinds
        return Way(looks if only_kinds else 0, by_stretches)

    monkeypatch.setattr(queries, "quickest", way)

    @settings(max_examples=40)
    @given(wanted=FILTERS, limit=st.integers(1, 60))
    def check(wanted: Filter, limit: int) -> None:
        whole = set(db.session.scalars(filtered(sa.select(Ticket.id), wanted)))
        found: list[Listed] = []
        cursor = None
        while True:
            page = queries.page(wanted, cursor=cursor, limit=limit)
            found += page.rows
            if (cursor := page.next) is None:
                break
        assert found == queries.first(wanted, most=TICKETS)
        assert {row.id for row in found} == whole
        assert len(found) == len(whole)
        if not wanted.sort.words:
            in_order = sorted(found, key=lambda row: (getattr(row, wanted.sort.moment), row.id))
            assert found == (in_order[::-1] if wanted.sort.descending else in_order)

    check()


ACTIVE_ONES, DONE_ONES = frozenset(ACTIVE), frozenset(DONE)
URGENT = frozenset({Priority.CRITICAL})


@pytest.mark.parametrize(
    ("wanted", "way"),
    [
        (Filter(search="many."), Way(looks=None)),
        (Filter(search="rare."), Way(looks=None)),
        # Its 50 matches are soon gathered, also where they are filtered.
        (Filter(search="rare.", status=ACTIVE_ONES), Way(looks=0)),
        (Filter(search="rare.", status=ACTIVE_ONES, sort=Sort.LAST_UPDATED), Way(looks=0)),
        # Walking by a hundred tickets is quickest.
        (Filter(search="many.", status=DONE_ONES, sort=Sort.LAST_UPDATED), Way(looks=0)),
        # Or through the first tickets of the four kinds there are, in place of 150,000 matches.
        (Filter(search="many.", status=frozenset({Status.OPEN}), priority=URGENT), Way(looks=2, by_stretches=True)),
        (
            Filter(search="many.", status=frozenset({Status.OPEN}), priority=URGENT, sort=Sort.LAST_UPDATED),
            Way(looks=0, by_stretches=True),
        ),
        (Filter(search="many.", assignee=frozenset({Assignee.NONE}), status=ACTIVE_ONES), Way(by_stretches=True)),
        # The latest days may have as many as are asked for.
        (Filter(search="some.", status=DONE_ONES), Way(looks=2)),
        # Counters know nothing of requesters and tags, and no index has a reference in order.
        (Filter(search="many.", requester="ada@example.com"), Way(looks=0)),
        (Filter(search="many.", tag=frozenset({"vip"})), Way(looks=0)),
        (Filter(search="TD-1042", status=DONE_ONES), Way(looks=0)),
    ],
)
def test_the_way_follows_from_how_common_words_and_kinds_are(app: Flask, wanted: Filter, way: Way) -> None:
    asked = read(wanted.search)
    assert asked is not None
    assert quickest(asked, wanted, 51, KNOWN) == way


def test_what_the_latest_tickets_do_not_have_is_looked_for_there_twice(
    desk: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = "UPDATE ticket SET status = CASE WHEN created_at < :start - interval '1 year' THEN 'closed' ELSE 'open' END"
    db.session.execute(sa.text(old), {"start": START})
    known = replace(KNOWN, lexemes=WORDS, shares=(0.3,) * len(WORDS))
    monkeypatch.setattr(frequencies, "current", lambda: known)
    monkeypatch.setattr(queries, "quickest", lambda *_: Way(looks=3))
    sent: list[Statement] = []

    def rows(statement: Statement, **values: Any) -> list[reading.Row]:
        sent.append(statement)
        return reading.rows(statement, **values)

    monkeypatch.setattr(replica, "rows", rows)
    assert len(queries.first(Filter(search="jam", status=frozenset({Status.CLOSED})), most=20)) == 20
    assert len(sent) == 3


def test_the_share_of_kinds_is_known_from_the_counters() -> None:
    assert KNOWN.share_of((), (), ()) == 1
    assert KNOWN.share_of((), (), {"open"}) == pytest.approx(OPEN / (OPEN + CLOSED))
    assert KNOWN.share_of({"billing"}, {"high", "low"}, {"closed"}) == pytest.approx(CLOSED / (OPEN + CLOSED) / 8)
    assert KNOWN.share_of((), (), {"resolved"}) == 0


def test_a_beginning_is_no_longer_gathered_when_it_has_become_common(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gathered(minute: int) -> bool:
        monkeypatch.setattr(frequencies, "edition", lambda: ("a desk that grows", minute))
        asked = read("print")
        assert asked is not None
        return asked.gathered

    assert gathered(1)
    filled = "INSERT INTO ticket (title, description) SELECT 'The printer', 'is on fire' FROM generate_series(1, 3000)"
    for statement in (filled, "ANALYZE ticket"):
        db.session.execute(sa.text(statement))
    assert not gathered(2)
