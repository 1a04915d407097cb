"""Notices incidents every minute, and tells of those that go on.

Each look compares the last hour with the week before it, and reads no more of
either than a few thousand tickets, evenly spread over the week.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import DateTime, bindparam, select, text

from ticketdesk import reading
from ticketdesk.core import clock
from ticketdesk.core.errors import NotFound
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import queue, task
from ticketdesk.models import Incident, Staff
from ticketdesk.models.incident import SEARCH_MAX
from ticketdesk.search.bursts import TICKETS_MIN, Burst, bursts
from ticketdesk.search.lexemes import STEM, TELLS

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
GOES_ON = timedelta(minutes=5)
"""How long an incident is told of after it was last seen: it may end, or the worker may."""
HOUR_MAX, WEEK_MAX = 2_000, 5_000
"""How many tickets of the hour, the newest ones, and of the week are compared."""
WORDS_SHOWN, WORDS_SEARCHED = 5, 8

# Of a word that fewer have nobody asks whether it is unusual.
_HEARD_MIN = 3

_HOUR = text(
    f"""
    WITH newest AS (
        SELECT id, created_at, search_vector FROM ticket
        WHERE created_at > :since AND created_at <= :now AND gone_at IS NULL ORDER BY created_at DESC LIMIT :most
    )
    SELECT id, created_at, lexeme, {STEM} AS stem
    FROM newest LEFT JOIN LATERAL (
        SELECT lexeme FROM unnest(ts_filter(search_vector, '{{a,b}}')) WHERE {TELLS}
    ) AS telling ON true
    """  # noqa: S608  (put together from constants)
)
_WEEK_TICKETS = text(
    "SELECT count(*) FROM ticket WHERE created_at > :since AND created_at <= :until AND gone_at IS NULL"
)
_WEEK = text(
    f"""
    WITH sampled AS MATERIALIZED (
        SELECT id FROM ticket
        WHERE created_at > :since AND created_at <= :until AND gone_at IS NULL AND id % :every = 0
    )
    SELECT CAST(NULL AS text) AS stem, count(*) AS tickets FROM sampled
    UNION ALL
    SELECT {STEM}, count(DISTINCT id)
    FROM sampled JOIN ticket USING (id), unnest(ts_filter(search_vector, '{{a,b}}'))
    WHERE left(lexeme, 3) = ANY (:heads) AND {STEM} = ANY (:stems)
    GROUP BY 1
    """  # noqa: S608  (put together from constants)
)


@dataclass(slots=True)
class _Heard:
    """A ticket of the hour: its words by their stems."""

    opened_at: datetime
    words: dict[str, set[str]] = field(default_factory=dict)


@queue.periodic(cron="* * * * *")
@task("search.look_for_incidents")
def look_for_incidents(timestamp: int) -> None:
    """Look at the last hour."""
    look(clock.now())


def look(now: datetime) -> None:
    """Write down what bursts of similar tickets there were in the hour up to ``now``, or that they go on."""
    hour = _hour(now)
    if len(hour) < TICKETS_MIN:
        return
    week, week_tickets = _week(now - HOUR, hour.values())
    found = bursts({ticket: heard.words.keys() for ticket, heard in hour.items()}, week, week_tickets)
    if not found:
        return
    # Looks that run at once, after a pause of the worker's, must not write down the same twice.
    db.session.execute(text("LOCK TABLE incident IN SHARE ROW EXCLUSIVE MODE"))
    for burst in found:
        _note(burst, hour, now)


class Current(NamedTuple):
    """An incident that goes on; its fields are named after the incident's."""

    id: int
    words: list[str]
    search: str
    ticket_ids: list[int]
    began_at: datetime


@cache
def _current() -> reading.Statement:
    since = bindparam("since", None, type_=DateTime(timezone=True))
    shown = select(*(getattr(Incident, name) for name in Current._fields))
    return reading.compiled(
        shown.where(Incident.seen_at > since, Incident.dismissed_at.is_(None)).order_by(Incident.id.desc())
    )


def current() -> Sequence[Current]:
    """The incidents that go on and that nobody has dismissed, the latest first."""
    return [Current._make(row) for row in reading.rows(_current(), since=clock.now() - GOES_ON)]


def dismiss(incident_id: int, by: Staff) -> None:
    """Tell nobody of the incident any more, however long it goes on.

    Raises:
        NotFound: there is no such incident.
    """
    incident = db.session.get(Incident, incident_id)
    if incident is None:
        raise NotFound("There is no such incident.")
    if incident.dismissed_at is None:
        incident.dismissed_at, incident.dismissed_by_id = clock.now(), by.id
        db.session.flush()


@cache
def _calendar() -> frozenset[str]:
    _comment, *lines = Path(__file__).with_name("calendar.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines for word in line.split())


def _hour(now: datetime) -> dict[int, _Heard]:
    heard: dict[int, _Heard] = {}
    for row in db.session.execute(_HOUR, {"since": now - HOUR, "now": now, "most": HOUR_MAX}):
        ticket = heard.setdefault(row.id, _Heard(row.created_at))
        if row.lexeme is not None and row.lexeme not in _calendar():
            ticket.words.setdefault(row.stem, set()).add(row.lexeme)
    return heard


def _week(until: datetime, hour: Iterable[_Heard]) -> tuple[Mapping[str, int], int]:
    """How many tickets of the week had each word that is heard now, and how many there were; of a sample."""
    tickets = Counter(stem for heard in hour for stem in heard.words)
    forms = {(stem, word) for heard in hour for stem, words in heard.words.items() for word in words}
    asked = {stem for stem, number in tickets.items() if number >= _HEARD_MIN}
    span = {"since": until - WEEK, "until": until}
    every = -(-(db.session.scalar(_WEEK_TICKETS, span) or 0) // WEEK_MAX) or 1
    heads = {part[:3] for stem, word in forms if stem in asked for part in (stem, word)}
    rows = db.session.execute(_WEEK, span | {"every": every, "heads": list(heads), "stems": list(asked)}).all()
    counted = {row.stem: row.tickets for row in rows}
    return counted, counted.pop(None)


def _note(burst: Burst, hour: Mapping[int, _Heard], now: datetime) -> None:
    """Write a burst down, as a new incident or as the course of one whose tickets it shares."""
    incident = db.session.scalar(
        select(Incident)
        .where(Incident.seen_at > now - HOUR, Incident.ticket_ids.overlap(sorted(burst.tickets)))
        .order_by(Incident.id.desc())
        .limit(1)
    )
    began_at = min(hour[ticket].opened_at for ticket in burst.tickets)
    if incident is None:
        incident = Incident(ticket_ids=[], began_at=began_at)
        db.session.add(incident)
    incident.words = [_most_written(stem, burst, hour) for stem in burst.words[:WORDS_SHOWN]]
    incident.search = _search(burst, hour)
    incident.ticket_ids = sorted({*incident.ticket_ids, *burst.tickets})
    incident.began_at = min(incident.began_at, began_at)
    incident.seen_at = now
    db.session.flush()


def _most_written(stem: str, burst: Burst, hour: Mapping[int, _Heard]) -> str:
    """The form of a word that most of the tickets have."""
    forms = Counter(word for ticket in burst.tickets for word in hour[ticket].words.get(stem, ()))
    return min(forms, key=lambda word: (-forms[word], word))


def _search(burst: Burst, hour: Mapping[int, _Heard]) -> str:
    """What finds the tickets: any of their words in any of its forms."""
    forms = [
        word
        for stem in burst.words[:WORDS_SEARCHED]
        for word in sorted({word for ticket in burst.tickets for word in hour[ticket].words.get(stem, ())})
    ]
    search = ""
    for form in forms:
        longer = f"{search} or {form}" if search else form
        if len(longer) > SEARCH_MAX:
            break
        search = longer
    return search
