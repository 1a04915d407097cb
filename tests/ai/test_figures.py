"""The AI's figures, each against the same one worked out from the rows by hand."""

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa

from tests.factories import make_ticket
from ticketdesk.ai import figures as module
from ticketdesk.ai.figures import THRESHOLDS, Figures, Tally, figures, learned, today
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Confirmation, Occasion
from ticketdesk.tickets import service

NOW = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)
FIRST = datetime(2026, 8, 24, tzinfo=UTC)
"""The beginning of the 91st day before and including today."""
STAFF = Actor(ActorKind.STAFF, 1, "Grace Hopper")
THRESHOLD = 0.62

pytestmark = pytest.mark.usefixtures("app")


def suggestion(at: datetime = NOW, **more: object) -> AiSuggestion:
    values: dict[str, object] = {
        "occasion": Occasion.API,
        "engine": "local",
        "model": "votes-1",
        "category": Category.BILLING,
        "priority": Priority.LOW,
        "category_confidence": 0.8,
        "priority_confidence": 0.7,
        "took_ms": 3.0,
        "created_at": at,
    }
    row = AiSuggestion(**values | more)
    db.session.add(row)
    return row


class Row:
    """A suggestion and what its ticket finally is."""

    def __init__(self, given: AiSuggestion, confirmed: Confirmation | None) -> None:
        self.given = given
        self.final = (confirmed.category if confirmed else None) or given.chosen_category
        self.final_priority = (confirmed.priority if confirmed else None) or given.chosen_priority
        self.best = given.category or (given.guesses[0]["category"] if given.guesses else None)


@pytest.fixture
def rows() -> list[Row]:
    """Suggestions of every kind, of which these count."""
    rng = Random(7)
    words, levels = list(Category), list(Priority)
    tickets = db.session.scalars(
        sa.text("INSERT INTO ticket (title, description) SELECT 'T', 'D' FROM generate_series(1, 160) RETURNING id")
    ).all()
    made = []
    for number in range(240):
        asked = FIRST + timedelta(days=rng.uniform(-4, 90.7))
        abstained = rng.random() < 0.2
        engine = rng.choice(["local", "local", "gemini", None])
        best = rng.choice(words)
        seen, ticket = rng.random() < 0.5, tickets[number // 3 + 80 * (number % 3 - 1)] if number % 3 else None
        given = suggestion(
            asked,
            ticket_id=ticket,
            engine=engine,
            model=rng.choice(["one", "two"]) if engine else None,
            failure=rng.choice(["timeout", "quota"]) if engine is None or rng.random() < 0.2 else None,
            category=None if engine is None or abstained else best,
            priority=rng.choice(levels) if engine else None,
            # Many lie on a threshold exactly.
            category_confidence=rng.choice([rng.random(), rng.choice(THRESHOLDS), THRESHOLD]) if engine else None,
            guesses=[{"category": best, "confidence": 0.5}] if engine else [],
            took_ms=rng.uniform(1, 900),
            chosen_category=rng.choice(words) if ticket and seen else None,
            chosen_priority=rng.choice(levels) if ticket and seen else None,
        )
        confirmed = None
        if ticket and rng.random() < 0.5:
            confirmed = Confirmation(ticket_id=ticket, category=rng.choice([*words, None]), priority=Priority.HIGH)
            db.session.add(confirmed)
        if engine and asked >= FIRST:
            made.append(Row(given, confirmed))
    db.session.flush()
    assert len({(bool(row.given.category), bool(row.final), bool(row.given.ticket_id)) for row in made}) == 6
    return made


def tally(rows: Sequence[Row]) -> Tally:
    decided = [row for row in rows if row.given.category and row.final]
    levels = [row for row in rows if row.final_priority]
    return Tally(
        answers=len(rows),
        abstained=sum(row.given.category is None for row in rows),
        accepted=sum(row.given.category == row.final for row in decided),
        rejected=sum(row.given.category != row.final for row in decided),
        priority_accepted=sum(row.given.priority == row.final_priority for row in levels),
        priority_rejected=sum(row.given.priority != row.final_priority for row in levels),
    )


def test_over_time(rows: list[Row]) -> None:
    found = figures(THRESHOLD, NOW)
    days: dict[date, list[Row]] = {}
    for row in rows:
        days.setdefault(row.given.created_at.date(), []).append(row)
    assert found.by_day == {day: tally(its) for day, its in days.items()}
    assert found.total == tally(rows)
    assert found.total.share == found.total.accepted / (found.total.accepted + found.total.rejected)
    assert (found.since, found.cut) == (FIRST, False)


def test_by_engine(rows: list[Row]) -> None:
    engines: dict[tuple[str | None, str | None], list[Row]] = {}
    for row in rows:
        engines.setdefault((row.given.engine, row.given.model), []).append(row)
    found = figures(THRESHOLD, NOW).by_engine
    assert {(each.engine, each.model): each.tally for each in found} == {
        engine: tally(its) for engine, its in engines.items()
    }
    assert [each.tally.answers for each in found] == sorted((len(its) for its in engines.values()), reverse=True)
    for each in found:
        times = [row.given.took_ms for row in engines[each.engine, each.model] if row.given.failure is None]
        assert each.median_ms == pytest.approx(statistics.median(times))
        assert each.p95_ms == pytest.approx(statistics.quantiles(times, n=20, method="inclusive")[-1])


def test_by_category(rows: list[Row]) -> None:
    assert figures(THRESHOLD, NOW).confusion == Counter(
        (row.given.category, row.final) for row in rows if row.final is not None
    )


def test_by_threshold(rows: list[Row]) -> None:
    curve = figures(THRESHOLD, NOW).curve
    assert [point.threshold for point in curve] == sorted([*THRESHOLDS, THRESHOLD])
    decided = [(row.given.category_confidence or 0.0, row.best == row.final) for row in rows if row.final]
    for point in curve:
        answered = [right for sure, right in decided if sure >= point.threshold]
        assert (point.decided, point.answered, point.right) == (len(decided), len(answered), sum(answered))
    assert curve[0].coverage == 1.0


def test_a_desk_with_very_many_answers_counts_the_newest(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWERS_MAX", 100)
    newest = sorted(db.session.scalars(sa.select(AiSuggestion.created_at)), reverse=True)[:100]
    found = figures(THRESHOLD, NOW)
    assert found.cut
    assert found.total == tally([row for row in rows if row.given.created_at in newest])
    assert newest[-1] >= found.since


def test_a_new_desk_has_figures_too() -> None:
    assert figures(THRESHOLD, NOW) == Figures(FIRST, False, Tally(), {}, [], {}, [])
    assert Tally().share is None
    assert (today(NOW).asked, learned().tickets, learned().last_at) == (0, 0, None)


def test_what_the_verbs_do_is_what_counts() -> None:
    """The definitions, through the doors' own verbs."""

    def proposed(chosen: Category | None = None) -> int:
        ticket = make_ticket(category=Category.BILLING)
        suggestion(ticket_id=ticket.id, chosen_category=chosen)
        return ticket.id

    proposed()
    overruled, kept, reopened = proposed(), proposed(), proposed()
    service.change_category(service.locked(overruled), Category.ACCOUNT, STAFF)
    service.change_status(service.locked(kept), Status.RESOLVED, STAFF)
    service.change_status(service.locked(reopened), Status.RESOLVED, STAFF)
    service.change_status(service.locked(reopened), Status.OPEN, STAFF)
    sent = proposed(Category.BILLING)
    service.change_category(service.locked(sent), Category.GENERAL, STAFF)
    found = figures(THRESHOLD, NOW).total
    assert (found.answers, found.accepted, found.rejected) == (5, 2, 2)


def test_today_began_when_the_providers_day_did() -> None:
    suggestion(datetime(2026, 11, 22, 7, 59, tzinfo=UTC), failure="timeout")
    suggestion(datetime(2026, 11, 22, 8, 0, tzinfo=UTC))
    suggestion(NOW, failure="timeout")
    suggestion(NOW, failure="timeout", engine=None)
    suggestion(NOW, failure="quota")
    found = today(NOW)
    assert found.began == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert (found.asked, found.fallbacks, found.unanswered) == (4, 2, 1)
    assert found.failures == {"timeout": 2, "quota": 1}


def test_the_local_engine_learns_from_what_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        db.session.add(Confirmation(ticket_id=make_ticket(str(number)).id, category=Category.BILLING))
    db.session.commit()
    assert learned().tickets == 3
    assert learned().last_at == max(db.session.scalars(sa.select(Confirmation.changed_at)))
    monkeypatch.setattr(module, "TICKETS_MAX", 2)
    assert learned().tickets == 2
