"""How templates of every door write times and vocabulary words."""

from datetime import datetime

from flask import Flask

from ticketdesk.core import clock


def install(app: Flask) -> None:
    """Add the filters to the app's templates."""
    app.add_template_filter(words)
    app.add_template_filter(ago)
    app.add_template_filter(exact)
    app.add_template_filter(initials)


def words(value: str) -> str:
    """A vocabulary word as people write it: in_progress is In progress."""
    return value.replace("_", " ").capitalize()


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


def initials(name: str) -> str:
    """The first letters of the first and the last word of a name."""
    parts = name.split()
    return "".join(part[0] for part in (*parts[:1], *parts[1:][-1:])).upper()
