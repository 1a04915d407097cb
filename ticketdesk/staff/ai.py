"""How the AI is doing: what became of its suggestions, how its engines are, and trying it on a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from http import HTTPStatus

from flask import current_app, request
from flask.typing import ResponseReturnValue

from ticketdesk.ai import budget
from ticketdesk.ai.figures import DAYS, Figures, Point, Tally, figures, learned, today
from ticketdesk.ai.suggest import MIN_TEXT, Suggestion, current_suggester, is_enough
from ticketdesk.core import clock
from ticketdesk.core.text import UNSTORABLE_SENTENCE, is_storable, many_lines, one_line
from ticketdesk.core.vocabulary import DESCRIPTION_MAX, TITLE_MAX, Category
from ticketdesk.extensions import db
from ticketdesk.live import live_part
from ticketdesk.staff import charts
from ticketdesk.staff.reading import read_words
from ticketdesk.staff.views import ConsolePage, route


class Step(StrEnum):
    """How long a stretch each point of the chart over time stands for."""

    WEEK = "week"
    DAY = "day"


SHOWN_DAYS = {Step.WEEK: DAYS, Step.DAY: 28}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some days that follow each other, and what became of the answers given in them."""

    first: date
    last: date
    tally: Tally


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the confusion table: what the tickets finally are that were ``proposed`` as one category."""

    proposed: Category | None
    finals: Sequence[int]

    @property
    def total(self) -> int:
        """All decided answers of the row."""
        return sum(self.finals)

    def heat(self, answers: int) -> int:
        """How much of the row a cell holds, in quarters that are begun."""
        return -(-4 * answers // self.total) if self.total else 0


class Ai(ConsolePage):
    """The AI's page."""

    @route("/")
    def index(self) -> ResponseReturnValue:
        """Show the figures."""
        return self._page()

    @route("/now")
    def now(self) -> ResponseReturnValue:
        """What changes from minute to minute, alone, for the page that refreshes itself."""
        return live_part(lambda: self.page("staff/_ai_now.html", **_state()))

    @route("/try", "POST")
    def try_it(self) -> ResponseReturnValue:
        """Ask the engines about a text that is no ticket; nothing is kept of it."""
        title = one_line(request.form.get("title", ""))
        description = many_lines(request.form.get("description", ""))
        fault = _fault(title, description)
        if fault:
            return self._page(title=title, description=description, fault=fault), HTTPStatus.UNPROCESSABLE_ENTITY
        # The engines may think for seconds; the connection goes back to the pool meanwhile.
        db.session.rollback()
        suggestion = current_suggester().suggest(title, description)
        return self._page(title=title, description=description, tried=suggestion)

    def _page(
        self, *, title: str = "", description: str = "", fault: str | None = None, tried: Suggestion | None = None
    ) -> str:
        step = next(iter(read_words("by", Step, [request.args.get("by", "")])), Step.WEEK)
        threshold: float = current_app.config["SETTINGS"].ai_threshold
        found = figures(threshold, clock.now())
        return self.page(
            "staff/ai.html",
            **_state(),
            found=found,
            step=step,
            steps=Step,
            **_over_time(_stretches(found, step)),
            **_over_thresholds(found.curve, threshold),
            categories=list(Category),
            confusion=_confusion(found.confusion),
            title=title,
            description=description,
            fault=fault,
            tried=tried,
            title_max=TITLE_MAX,
            description_max=DESCRIPTION_MAX,
        )


def _fault(title: str, description: str) -> str | None:
    """Why the engines cannot be asked about this, or None where they can."""
    if not (is_storable(title) and is_storable(description)):
        return UNSTORABLE_SENTENCE
    if len(title) > TITLE_MAX or len(description) > DESCRIPTION_MAX:
        return f"A ticket has at most {TITLE_MAX} characters in its title and {DESCRIPTION_MAX:,} below it."
    if not is_enough(f"{title} {description}"):
        return f"Write at least {MIN_TEXT} characters, so that there is something to judge."
    return None


def _state() -> dict[str, object]:
    """How the engines are at this moment."""
    now = clock.now()
    gateway = current_suggester().gateway
    connection = db.session.connection()
    rest = gateway.breaker.rest(connection) if gateway else None
    return {
        "gateway": gateway,
        "rest": rest,
        "resting": rest is not None and rest.until > now,
        "calls": gateway.budget.calls(connection) if gateway else 0,
        "calls_left": gateway.budget.left(connection) if gateway else None,
        "day_ends": budget.next_day(now),
        "today": today(now),
        "learned": learned(),
    }


def _stretches(found: Figures, step: Step) -> Sequence[Stretch]:
    """The answers by stretches of equal length, the oldest first; the last one ends today."""
    today = clock.now().date()
    days = [today - timedelta(days=n) for n in reversed(range(SHOWN_DAYS[step]))]
    length = 7 if step is Step.WEEK else 1
    return [
        Stretch(part[0], part[-1], sum((found.by_day.get(day, Tally()) for day in part), Tally()))
        for part in (days[start : start + length] for start in range(0, len(days), length))
    ]


def _over_time(stretches: Sequence[Stretch]) -> dict[str, object]:
    """The chart of accepted suggestions over time."""
    categories = charts.steps([stretch.tally.share for stretch in stretches])
    priorities = charts.steps([stretch.tally.priority_share for stretch in stretches])
    return {
        "stretches": stretches,
        "category_dots": charts.present(categories),
        "category_line": charts.path(categories),
        "priority_dots": charts.present(priorities),
        "priority_line": charts.path(priorities),
    }


def _over_thresholds(curve: Sequence[Point], threshold: float) -> dict[str, object]:
    """The chart of how many answers a threshold lets through, against how many of these are right."""
    shown = [(point, point.accuracy) for point in curve if point.accuracy is not None]
    # Only the part of the scale where the curve lies, which is mostly near its top.
    least = min((accuracy for _point, accuracy in shown), default=1.0)
    bottom = max(start for start in (0.0, 0.5, 0.8) if start <= least)
    dots = [
        charts.Dot(100 * point.coverage, 100 - 100 * (accuracy - bottom) / (1 - bottom)) for point, accuracy in shown
    ]
    return {
        "curve": list(zip((point for point, _accuracy in shown), dots, strict=True)),
        "curve_line": charts.path(dots),
        "curve_bottom": bottom,
        "threshold": threshold,
        "at_threshold": next((point for point in curve if point.threshold == threshold), None),
    }


def _confusion(counted: Mapping[tuple[Category | None, Category], int]) -> Sequence[Row]:
    """The confusion table, a row for each category that was proposed, and one for where none was."""
    return [Row(proposed, [counted.get((proposed, final), 0) for final in Category]) for proposed in (*Category, None)]
