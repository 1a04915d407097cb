"""The counters say at any moment what a full count says."""

import random
import threading
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import opened, settings_for
from ticketdesk import create_app
from ticketdesk.core import clock
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.tickets import counters, stats

INSERT = sa.text(
    "INSERT INTO ticket (title, description, category, priority, status, created_at)"
    " SELECT 'a', 'b', :category, :priority, :status, now() - make_interval(days => :age)"
    " FROM generate_series(1, :count)"
)
CHANGE = sa.text("UPDATE ticket SET status = :status, category = :category WHERE id % :modulus = 0")
MOVE = sa.text("UPDATE ticket SET created_at = created_at - make_interval(days => :age) WHERE id % :modulus = 0")
DELETE = sa.text("DELETE FROM ticket WHERE id % :modulus = 0")
TRASH = sa.text("UPDATE ticket SET gone_at = now() WHERE id % :modulus = 0")
MERGE = sa.text(
    "UPDATE ticket SET gone_at = now(), merged_into_id = (SELECT max(id) FROM ticket) WHERE id % :modulus = 0"
    " AND id < (SELECT max(id) FROM ticket)"
)
COME_BACK = sa.text("UPDATE ticket SET gone_at = NULL, merged_into_id = NULL, status = :status WHERE id % :modulus = 0")

STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "do": st.sampled_from(
                ["insert", "insert", "change", "move", "trash", "merge", "come back", "delete", "fold"]
            ),
            "category": st.sampled_from(list(Category)),
            "priority": st.sampled_from(list(Priority)),
            "status": st.sampled_from(list(Status)),
            "age": st.integers(0, 40),
            "count": st.integers(0, 5),
            "modulus": st.integers(1, 4),
        }
    ),
    max_size=12,
)


def carry_out(step: dict[str, Any]) -> None:
    match step["do"]:
        case "fold":
            assert counters.fold()
        case "insert":
            db.session.execute(INSERT, step)
        case "change":
            db.session.execute(CHANGE, step)
        case "move":
            db.session.execute(MOVE, step)
        case "trash":
            db.session.execute(TRASH, step)
        case "merge":
            db.session.execute(MERGE, step)
        case "come back":
            db.session.execute(COME_BACK, step)
        case "delete":
            db.session.execute(sa.text("UPDATE ticket SET merged_into_id = NULL"))
            db.session.execute(DELETE, step)


def by(column: str) -> dict[str, int]:
    rows = db.session.execute(
        sa.text(f"SELECT {column} AS word, count(*) AS tickets FROM ticket WHERE gone_at IS NULL GROUP BY 1")
    )
    return {row.word: row.tickets for row in rows}


def without_zeros(counts: dict[Any, int]) -> dict[Any, int]:
    return {word: count for word, count in counts.items() if count}


def test_after_any_history_they_are_exact(app: Flask) -> None:
    @settings(max_examples=80)
    @given(steps=STEPS)
    def check(steps: list[dict[str, Any]]) -> None:
        with db.session.begin_nested() as history:
            for step in steps:
                carry_out(step)
                assert counters.wrong() == 0
            found = stats.stats()
            assert without_zeros(found.by_status) == by("status")
            assert without_zeros(found.by_priority) == by("priority")
            assert without_zeros(found.by_category) == by("category")
            days = db.session.execute(
                sa.text(
                    "SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS tickets FROM ticket"
                    " WHERE gone_at IS NULL GROUP BY 1"
                )
            )
            expected = {row.day: row.tickets for row in days}
            assert stats.created_by_day(min(expected, default=clock.now().date())) == expected
            history.rollback()

    check()


def test_what_is_wrong_is_found_and_put_right(app: Flask) -> None:
    carry_out({"do": "insert", "category": "billing", "priority": "low", "status": "open", "age": 1, "count": 7})
    db.session.execute(sa.text("UPDATE ticket_delta SET tickets = tickets + 1"))
    assert counters.wrong() == 2, "One kind of ticket and one day."
    db.session.commit()
    run = app.test_cli_runner().invoke
    assert run(args=["counters", "check"]).exit_code == 1
    assert run(args=["counters", "rebuild"]).exit_code == 0
    assert run(args=["counters", "check"]).exit_code == 0
    assert stats.stats().total == 7


@pytest.mark.parametrize("writers", [8])
def test_writers_and_folders_at_once_lose_nothing_and_never_deadlock(committed_url: str, writers: int) -> None:
    with opened(create_app(settings_for(committed_url, DATABASE_POOL="16"))) as app:
        troubles: list[Exception] = []
        start = threading.Barrier(writers)

        def write(number: int) -> None:
            choose = random.Random(number)
            try:
                with app.app_context():
                    start.wait()
                    for _ in range(15):
                        for do in choose.sample(["insert", "change", "fold", "insert"], 3):
                            step = {
                                "category": choose.choice(list(Category)),
                                "priority": choose.choice(list(Priority)),
                                "status": choose.choice(list(Status)),
                                "age": choose.randrange(3),
                                "count": choose.randrange(4),
                            }
                            if do == "fold":
                                counters.fold()
                            elif do == "insert":
                                db.session.execute(INSERT, step)
                            else:
                                # Rows are locked in the order of their ids, as the verbs do.
                                db.session.execute(
                                    sa.text(
                                        "UPDATE ticket SET status = :status, category = :category WHERE id ="
                                        " (SELECT max(id) - :age FROM ticket)"
                                    ),
                                    step,
                                )
                                db.session.commit()
                        if choose.random() < 0.2:
                            db.session.rollback()
                        db.session.commit()
            except Exception as error:
                troubles.append(error)

        threads = [threading.Thread(target=write, args=[number]) for number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert troubles == []
        with app.app_context():
            assert stats.stats().total > 0
            assert counters.wrong() == 0
            counters.fold()
            db.session.commit()
            assert counters.wrong() == 0
            assert db.session.scalar(sa.text("SELECT count(*) FROM ticket_delta")) == 0
