"""The newest matches: whatever the way to them, they are the same."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import make_ticket
from ticketdesk import reading
from ticketdesk.extensions import db
from ticketdesk.search import frequencies, newest
from ticketdesk.search.frequencies import Frequencies
from ticketdesk.search.query import read
from ticketdesk.search.tsquery import parse

START = datetime(2026, 1, 1, tzinfo=UTC)
TICKETS = 240
LAST = START.toordinal()
WORDS = ("printer", "printers", "paper", "jam", "toner", "office", "off")

SMALL = Frequencies(tickets=TICKETS, days=(), until=(), lexemes=(), shares=(), rare=0.001)
# What a desk with a million tickets would know, so that all ways are taken.
LARGE = Frequencies(
    tickets=1_000_000,
    days=range(LAST - 9_999, LAST + 1),
    until=range(100, 1_000_100, 100),
    lexemes=("off", "office", "paper", *(f"print{number:02}" for number in range(50)), "printer", "printers", "toner"),
    shares=(0.02, 0.2, 0.01, *[0.002] * 50, 0.3, 0.1, 0.0001),
    rare=0.00005,
)


@pytest.fixture
def desk(app: Flask) -> Flask:
    """Tickets over four years, with ties, each with two of the words."""
    db.session.execute(
        sa.text(
            """
            INSERT INTO ticket (title, description, created_at)
            SELECT (CAST(:words AS text[]))[1 + n % 7], (CAST(:words AS text[]))[1 + (n * n / 3) % 7],
                :start - make_interval(hours => n * n / 2)
            FROM generate_series(1, :tickets) AS n
            """
        ),
        {"words": list(WORDS), "start": START, "tickets": TICKETS},
    )
    db.session.execute(sa.text("UPDATE ticket SET gone_at = now() WHERE id % 10 = 0"))
    return app


def found(query: str, behind: tuple[datetime, int] | None, most: int) -> list[int]:
    asked = read(query)
    assert asked is not None
    ids: list[int] = []
    for shape, values in newest.attempts(asked.words, behind=behind, most=most):
        statement = reading.compiled(sa.select(newest.ids(shape).c.id))
        ids = [row[0] for row in reading.rows(statement, **values)]
        if len(ids) == most:
            break
    rows = db.session.execute(
        sa.text("SELECT id FROM ticket WHERE id = ANY (:ids) ORDER BY created_at DESC, id DESC"), {"ids": ids}
    )
    return [row.id for row in rows]


def expected(query: str, behind: tuple[datetime, int] | None, most: int) -> list[int]:
    asked = read(query)
    assert asked is not None
    rows = db.session.execute(
        sa.text(
            """
            SELECT id FROM ticket WHERE gone_at IS NULL AND search_vector @@ CAST(:query AS tsquery)
                AND (created_at, id)
                    < (coalesce(CAST(:moment AS timestamptz), 'infinity'), coalesce(CAST(:id AS bigint), 0))
            ORDER BY created_at DESC, id DESC LIMIT :most
            """
        ),
        {"query": str(asked.words), "most": most, **dict(zip(("moment", "id"), behind or (None, None), strict=True))},
    )
    return [row.id for row in rows]


WORD = st.sampled_from([*WORDS, "o", "pr", "print", "nothing"])
QUERIES = st.one_of(
    WORD,
    st.builds("{} {}".format, WORD, WORD),
    st.builds("{} -{}".format, WORD, WORD),
    st.builds("-{}".format, WORD),
    st.builds("{} or {}".format, WORD, WORD),
    st.builds('"{} {}"'.format, WORD, WORD),
    st.builds("{} {}.".format, WORD, WORD),
)


@pytest.mark.parametrize("known", [SMALL, LARGE])
def test_every_way_leads_to_the_same_tickets(desk: Flask, known: Frequencies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frequencies, "current", lambda: known)
    # Beginnings of common words mean the common ones, which on this desk are all there are.
    monkeypatch.setattr(newest, "_GATHERED_MOST", 30_000)

    @settings(max_examples=120)
    @given(query=QUERIES, hours=st.none() | st.integers(0, TICKETS**2 // 2), most=st.integers(1, 60))
    def check(query: str, hours: int | None, most: int) -> None:
        behind = None if hours is None else (START - timedelta(hours=hours), 10**9)
        assert found(query, behind, most) == expected(query, behind, most)

    check()


def test_new_words_do_not_wait_for_long_to_be_in_the_index(app: Flask) -> None:
    waiting = sa.text("SELECT gin_clean_pending_list('ix_ticket_search')")
    make_ticket("The zebra does not print")
    assert db.session.scalar(waiting), "They wait at first."
    make_ticket("The okapi does not print")
    newest.sort_in(timestamp=0)
    assert not db.session.scalar(waiting)


@pytest.mark.parametrize(
    ("tickets", "before", "days"),
    [
        (5, None, 0),
        (10, None, 0),
        (11, None, 30),
        (60, None, 30),
        (61, None, 31),
        (100, None, 31),
        (101, None, None),
        (1, datetime(2026, 1, 1, tzinfo=UTC), 0),
        (51, datetime(2025, 12, 31, 23, tzinfo=UTC), 1),
        (1, datetime(2025, 12, 15, tzinfo=UTC), 0),
        (51, datetime(2025, 12, 15, tzinfo=UTC), 1),
        (1, datetime(2025, 11, 1, tzinfo=UTC), None),
        (41, datetime(2025, 12, 1, tzinfo=UTC), None),
    ],
)
def test_days_with_tickets_are_counted_and_the_others_passed(
    tickets: int, before: datetime | None, days: int | None
) -> None:
    closed_in_december = Frequencies(
        tickets=100, days=(LAST - 31, LAST - 30, LAST), until=(40, 90, 100), lexemes=(), shares=(), rare=0.001
    )
    assert closed_in_december.days_with(tickets, before) == days


@pytest.mark.parametrize(
    ("query", "ways"),
    [
        ("toner.", ["'toner' all"]),
        ("office", ["'office' 3", "'office' 18", "'office' 93", "'office' all"]),
        ("paper", ["'paper' 74", "'paper' 374", "'paper' all"]),
        ("off", ["('off') | ('office') 3", "('off') | ('office') 17", "('off') | ('office') 86"]),
        ("rarely", ["'rarely':* all"]),
        ("office -paper", ["'office' 3", "'office' 18", "'office' 94", "'office' all"]),
        ("paper pr", ["'paper' 174", "'paper' all"]),
        ("pr", ["walk 10000", "'pr':* 1", "'pr':* 8", "'pr':* 43"]),
        ("-office", ["walk None"]),
    ],
)
def test_the_ways_follow_from_how_common_words_are(app: Flask, query: str, ways: list[str]) -> None:
    asked = read(query)
    assert asked is not None
    taken = [
        f"{step.indexed} {step.days or 'all'}" if step.indexed else f"walk {step.walked}"
        for step in newest.steps(asked.words, LARGE, 50, before=None)
    ]
    assert taken[: len(ways)] == ways


@given(
    st.recursive(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=5).map(
            lambda word: "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
        ),
        lambda parts: st.one_of(
            st.builds("!({})".format, parts),
            st.builds("({} & {})".format, parts, parts),
            st.builds("({} | {})".format, parts, parts),
            st.builds("({} <-> {})".format, parts, parts),
            st.builds("({} <3> {})".format, parts, parts),
        ),
        max_leaves=6,
    )
)
@settings(max_examples=60)
def reads_what_it_writes(query: str) -> None:
    written = db.session.scalar(sa.text("SELECT CAST(CAST(:query AS tsquery) AS text)"), {"query": query})
    again = sa.text("SELECT CAST(CAST(:query AS tsquery) AS text)")
    assert db.session.scalar(again, {"query": str(parse(written))}) == written


def test_a_query_is_read_as_postgresql_writes_it(app: Flask) -> None:
    reads_what_it_writes()
    assert parse("") is None


def test_the_frequencies_are_those_of_the_statistics() -> None:
    def share(query: str) -> float:
        tree = parse(query)
        assert tree is not None
        return round(LARGE.share(tree), 4)

    assert [share(query) for query in ("'office'", "'offic'", "'off':*", "!'office'")] == [0.2, 0.0001, 0.216, 0.8]
    assert share("'office' & 'printer'") == 0.06
    assert share("'office' | 'printer'") == 0.44
    assert share("'office' <-> 'printer'") == 0.003
    assert LARGE.beginning_with("printer") == ("printer", "printers")
