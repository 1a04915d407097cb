"""The caller's own time, in the zone that their browser is in.

The console's script keeps the zone's name in a cookie. Without it the time is UTC
and says so.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flask import request

from ticketdesk.core import clock
from ticketdesk.core.errors import FieldFault, Invalid

COOKIE = "ticketdesk_zone"


def zone() -> tzinfo:
    """The caller's zone."""
    try:
        return ZoneInfo(unquote(request.cookies.get(COOKIE, "")))
    except (ValueError, KeyError, OSError):
        # There is no such zone, or this is no name of one; zoneinfo takes no path that leads out of its own folder.
        return UTC


def now() -> datetime:
    """What time it is for the caller."""
    return clock.now().astimezone(zone())


def told(moment: datetime) -> str:
    """A moment not far away, as the caller says it."""
    local, today = moment.astimezone(zone()), now().date()
    near = {today: "today", today + timedelta(days=1): "tomorrow"}
    year = f" {local.year}" if local.year != today.year else ""
    day = near.get(local.date(), f"{local:%a} {local.day} {local:%b}{year}")
    return f"{day} {local:%H:%M}{' UTC' if local.tzinfo is UTC else ''}"


def read_moment(field: str, value: str) -> datetime:
    """The moment in a form: with a zone, or as the caller's own time.

    Raises:
        Invalid: it is none.
    """
    try:
        moment = datetime.fromisoformat(value)
        # A moment near the end of what a clock can show has no equal in every zone.
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(FieldFault(field, "Choose a day and a time.")) from None
