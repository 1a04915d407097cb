"""How templates of every door write times and vocabulary words."""

from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache

from flask import Flask
from markupsafe import Markup

from ticketdesk.attachments.kinds import group_of
from ticketdesk.attachments.policy import megabytes
from ticketdesk.core import clock
from ticketdesk.core.vocabulary import RATING_NAMES, Rating

NAME_TAIL = 9


def install(app: Flask) -> None:
    """Add the filters to the app's templates."""
    app.add_template_filter(words)
    app.add_template_filter(options)
    app.add_template_filter(rating_name)
    app.add_template_filter(ago)
    app.add_template_filter(exact)
    app.add_template_filter(weekday)
    app.add_template_filter(tickets)
    app.add_template_filter(initials)
    app.add_template_filter(megabytes)
    app.add_template_filter(group_of)
    app.add_template_filter(name_parts)


@lru_cache(maxsize=256)
def words(value: str) -> str:
    """A vocabulary word as people write it: in_progress is In progress."""
    return value.replace("_", " ").capitalize()


@lru_cache(maxsize=256)
def options(vocabulary: type[StrEnum], chosen: str = "") -> Markup:
    """The choices of a ``<select>``, kept because a list has hundreds of them and few that differ."""
    return Markup().join(
        Markup('<option value="{}"{}>{}</option>').format(
            word, Markup(" selected") if word == chosen else "", words(word)
        )
        for word in vocabulary
    )


def rating_name(value: str) -> str:
    """A rating as people read it: bad is Could be better."""
    return RATING_NAMES[Rating(value)]


def ago(value: datetime) -> str:
    """How long ago, in one rounded-down unit up to a week, then the date."""
    passed = clock.now() - value
    seconds = max(int(passed.total_seconds()), 0)
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    if seconds < 86_400:
        return f"{seconds // 3600} h ago"
    if seconds < 7 * 86_400:
        return f"{seconds // 86_400} d ago"
    return f"{value.day} {value:%b %Y}"


def exact(value: datetime) -> str:
    """The moment in full, in UTC."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


@lru_cache(maxsize=256)
def weekday(value: date, rest: str) -> str:
    """A day with its weekday, such as Mon, 2 November; ``rest`` says what follows the number as strftime does."""
    return f"{value:%a}, {value.day} {value:{rest}}"


def tickets(number: int) -> str:
    """So many tickets, in words."""
    return f"{number:,} ticket{'' if number == 1 else 's'}"


def name_parts(name: str) -> tuple[str, str]:
    """A file's name in two, so that a narrow page leaves out its middle and keeps its ending."""
    return (name[:-NAME_TAIL], name[-NAME_TAIL:]) if len(name) > 2 * NAME_TAIL else (name, "")


def initials(name: str) -> str:
    """The first letters of the first and the last word of a name."""
    parts = name.split()
    return "".join(part[0] for part in (*parts[:1], *parts[1:][-1:])).upper()
