"""How well the engines do, counted by the database from what they proposed and what became of it.

What a ticket *finally* is, is what staff stand behind (a `Confirmation`: they changed
it, or resolved the ticket with it), and as long as they have not said so, what the
requester chose who had the suggestion before their eyes. From there, an answer is

- *accepted* where the engine proposed what the ticket finally is,
- *rejected* where it proposed something else,
- *undecided* where nobody has decided yet, or the text never became a ticket,
- *abstained* where the engine proposed nothing. Its likeliest guess still tells how
  often it would have been right, so it counts for the curve.

A share of accepted answers is one of those accepted or rejected. Figures are about the
last 13 weeks, and on a desk with very many answers about the newest of them, so that
they cost the same on every desk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, text

from ticketdesk.ai.budget import QUOTA_ZONE
from ticketdesk.ai.memory import TICKETS_MAX
from ticketdesk.core.vocabulary import Category
from ticketdesk.extensions import db

DAYS = 91
"""Days the figures reach back, today included: 13 weeks."""
ANSWERS_MAX = 50_000
"""The newest answers are counted, up to this many."""
THRESHOLDS = tuple(n / 20 for n in range(21))

# The newest answer that no longer counts, where there are too many.
_CUT = text(
    "SELECT created_at FROM ai_suggestion WHERE created_at >= :since ORDER BY created_at DESC OFFSET :most LIMIT 1"
)
# The limit of one keeps the planner from reading every confirmation there is to join a few of them.
_ANSWERS = """
    SELECT CAST(timezone('UTC', given.created_at) AS date) AS day, engine, model, took_ms, failure,
        given.category AS proposed, given.priority AS proposed_priority,
        coalesce(given.category, given.guesses -> 0 ->> 'category') AS best,
        category_confidence AS sure,
        coalesce(confirmed.category, chosen_category) AS final,
        coalesce(confirmed.priority, chosen_priority) AS final_priority
    FROM (SELECT * FROM ai_suggestion WHERE created_at >= :since AND engine IS NOT NULL) AS given
    LEFT JOIN LATERAL (
        SELECT category, priority FROM confirmation WHERE confirmation.ticket_id = given.ticket_id LIMIT 1
    ) AS confirmed ON true
"""
_TALLIES = text(
    f"""
    WITH answer AS ({_ANSWERS}), banded AS (
        SELECT *, width_bucket(sure, CAST(:thresholds AS double precision[])) AS band FROM answer
    )
    SELECT day, engine, model, proposed, final, band,
        grouping(day) = 0 AS by_day, grouping(engine) = 0 AS by_engine,
        grouping(proposed) = 0 AS by_category, grouping(band) = 0 AS by_band,
        count(*) AS answers,
        count(*) FILTER (WHERE proposed IS NULL) AS abstained,
        count(*) FILTER (WHERE proposed = final) AS accepted,
        count(*) FILTER (WHERE proposed <> final) AS rejected,
        count(*) FILTER (WHERE proposed_priority = final_priority) AS priority_accepted,
        count(*) FILTER (WHERE proposed_priority <> final_priority) AS priority_rejected,
        count(*) FILTER (WHERE best = final) AS best_right,
        count(*) FILTER (WHERE best <> final) AS best_wrong
    FROM banded
    GROUP BY GROUPING SETS ((day), (engine, model), (proposed, final), (band))
    """  # noqa: S608  (put together from constants)
)
# How long an engine took says nothing where another one was waited for before.
_LATENCIES = text(
    """
    SELECT engine, model, percentile_cont(0.5) WITHIN GROUP (ORDER BY took_ms) AS median_ms,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY took_ms) AS p95_ms
    FROM ai_suggestion
    WHERE created_at >= :since AND engine IS NOT NULL AND failure IS NULL
    GROUP BY engine, model
    """
)
_TODAY = text(
    """
    SELECT failure, engine IS NOT NULL AS answered, count(*) AS asked
    FROM ai_suggestion WHERE created_at >= :began GROUP BY 1, 2
    """
)
_LEARNED = text(
    """
    SELECT (SELECT count(*) FROM (
            SELECT FROM confirmation WHERE num_nonnulls(category, priority) > 0 LIMIT :most
        ) AS remembered) AS tickets,
        (SELECT changed_at FROM confirmation ORDER BY changed_in DESC, changed_at DESC LIMIT 1) AS last_at
    """
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a number of answers; accepted and rejected are about the category where nothing else is said."""

    answers: int = 0
    abstained: int = 0
    accepted: int = 0
    rejected: int = 0
    priority_accepted: int = 0
    priority_rejected: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))

    @property
    def share(self) -> float | None:
        """The share of accepted categories among those decided; None where none is."""
        return _share(self.accepted, self.rejected)

    @property
    def priority_share(self) -> float | None:
        """The share of accepted priorities among those decided; None where none is."""
        return _share(self.priority_accepted, self.priority_rejected)


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """One model of one engine; the times are None where it only ever answered in another one's place."""

    engine: str
    model: str
    tally: Tally
    median_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold would have done: ``answered`` of the ``decided`` answers, of which ``right`` were right."""

    threshold: float
    decided: int
    answered: int
    right: int

    @property
    def coverage(self) -> float:
        """The share that would have been answered."""
        return self.answered / self.decided

    @property
    def accuracy(self) -> float | None:
        """The share of right ones among those answered; None where there are none."""
        return self.right / self.answered if self.answered else None


@dataclass(frozen=True, slots=True)
class Figures:
    """The engines over the last weeks.

    ``since`` is the earliest moment counted, which is later than asked for where
    ``cut`` says that there are too many answers. ``confusion`` counts decided
    answers by what was proposed (None where the engine abstained) and what the
    ticket finally is. ``curve`` has a point for each threshold, the lowest first,
    and none at all while nothing is decided.
    """

    since: datetime
    cut: bool
    total: Tally
    by_day: Mapping[date, Tally]
    by_engine: Sequence[EngineFigures]
    confusion: Mapping[tuple[Category | None, Category], int]
    curve: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Today:
    """The questions since ``began``, the midnight by which providers and AI_DAILY_LIMIT count.

    ``fallbacks`` were answered by the local engine in another one's place and
    ``unanswered`` by none; ``failures`` counts both by what went wrong.
    """

    began: datetime
    asked: int
    fallbacks: int
    unanswered: int
    failures: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Learned:
    """From how many confirmed tickets the local engine has learned, and when staff last confirmed one."""

    tickets: int
    last_at: datetime | None


def figures(threshold: float, now: datetime) -> Figures:
    """The figures up to ``now``; the curve has a point for ``threshold`` beside those for `THRESHOLDS`."""
    first = datetime.combine(now.astimezone(UTC).date() - timedelta(days=DAYS - 1), time(), UTC)
    cut = db.session.scalar(_CUT, {"since": first, "most": ANSWERS_MAX})
    since = cut + timedelta(microseconds=1) if cut else first
    thresholds = sorted({*THRESHOLDS, threshold})
    rows = db.session.execute(_TALLIES, {"since": since, "thresholds": thresholds}).all()
    by_day = {row.day: _tally(row) for row in rows if row.by_day}
    return Figures(
        since=since,
        cut=cut is not None,
        total=sum(by_day.values(), Tally()),
        by_day=by_day,
        by_engine=_by_engine([row for row in rows if row.by_engine], since),
        confusion={
            (Category(row.proposed) if row.proposed else None, Category(row.final)): row.answers
            for row in rows
            if row.by_category and row.final
        },
        curve=_curve([row for row in rows if row.by_band and row.band], thresholds),
    )


def today(now: datetime) -> Today:
    """What was asked today and how it went."""
    began = datetime.combine(now.astimezone(QUOTA_ZONE).date(), time(), QUOTA_ZONE).astimezone(UTC)
    rows = db.session.execute(_TODAY, {"began": began}).all()
    failures: dict[str, int] = {}
    for row in rows:
        if row.failure:
            failures[row.failure] = failures.get(row.failure, 0) + row.asked
    return Today(
        began=began,
        asked=sum(row.asked for row in rows),
        fallbacks=sum(row.asked for row in rows if row.failure and row.answered),
        unanswered=sum(row.asked for row in rows if not row.answered),
        failures=failures,
    )


def learned() -> Learned:
    """What the local engine has learned from."""
    row = db.session.execute(_LEARNED, {"most": TICKETS_MAX}).one()
    return Learned(row.tickets, row.last_at)


def _tally(row: Row[*tuple[Any, ...]]) -> Tally:
    return Tally(*(getattr(row, name) for name in Tally.__slots__))


def _share(accepted: int, rejected: int) -> float | None:
    return accepted / (accepted + rejected) if accepted + rejected else None


def _by_engine(rows: Sequence[Row[*tuple[Any, ...]]], since: datetime) -> list[EngineFigures]:
    """The engines with the most answers first."""
    times = {
        (row.engine, row.model): (row.median_ms, row.p95_ms) for row in db.session.execute(_LATENCIES, {"since": since})
    }
    found = [
        EngineFigures(row.engine, row.model or "", _tally(row), *times.get((row.engine, row.model), (None, None)))
        for row in rows
    ]
    return sorted(found, key=lambda each: (-each.tally.answers, each.engine, each.model))


def _curve(rows: Sequence[Row[*tuple[Any, ...]]], thresholds: Sequence[float]) -> list[Point]:
    """Count what lies in each band and above it; band n reaches from the nth threshold to the next."""
    right, wrong = [0] * (len(thresholds) + 1), [0] * (len(thresholds) + 1)
    for row in rows:
        right[row.band], wrong[row.band] = row.best_right, row.best_wrong
    decided = sum(right) + sum(wrong)
    return [
        Point(threshold, decided, sum(right[band:]) + sum(wrong[band:]), sum(right[band:]))
        for band, threshold in enumerate(thresholds, 1)
        if decided
    ]
