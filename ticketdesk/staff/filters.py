"""A filter as the console's addresses say it: read, written, and taken apart into chips."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import url_for

from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.core.text import is_storable
from ticketdesk.core.vocabulary import EMAIL_MAX, Category, Priority, Status
from ticketdesk.filters import words
from ticketdesk.staff.reading import FIELDS, Form, read_id, read_words
from ticketdesk.tickets import assignment
from ticketdesk.tickets.filter import Assignee, Filter
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.rules import tidy_tag

Value = TypeVar("Value")

DAY = timedelta(days=1)
SNOOZED = {"only": True, "no": False}
BEST = "best"
"""How an address says that the best matches come first, where that does not go without saying."""


def address(wanted: Filter, cursor: str | None = None, view: str | None = None) -> str:
    """The queue's address for a filter; ``view`` is the key of the view that it comes from."""
    return "?".join(filter(None, [url_for("queue.index"), _query(wanted, cursor, view)]))


@lru_cache(maxsize=512)
def _query(wanted: Filter, cursor: str | None, view: str | None) -> str:
    """What stands behind the mark in the queue's address, kept because each page leads to twenty lists."""
    said = {"view": view, **query_of(wanted), "cursor": cursor}
    return urlencode({name: value for name, value in said.items() if value is not None}, doseq=True, safe="@")


def query_of(wanted: Filter) -> dict[str, Any]:
    """The filter as an address says it, without what it leaves open."""
    last_day = wanted.created_before - DAY if wanted.created_before else None
    return {
        "status": [word for word in Status if word in wanted.status],
        "priority": [word for word in Priority if word in wanted.priority],
        "category": [word for word in Category if word in wanted.category],
        "assignee": sorted(str(who) for who in wanted.assignee),
        "tag": sorted(wanted.tag),
        "triage": "yes" if wanted.needs_triage else None,
        "snoozed": next((word for word, value in SNOOZED.items() if value is wanted.snoozed), None),
        "requester": wanted.requester or None,
        "created_from": wanted.created_after.date().isoformat() if wanted.created_after else None,
        "created_to": last_day.date().isoformat() if last_day else None,
        "search": wanted.search or None,
        "sort": None if order_of(wanted) == usual_order(wanted) else order_of(wanted),
    }


def order_of(wanted: Filter) -> str:
    """The order of the list as an address says it."""
    return BEST if wanted.best and wanted.search else wanted.sort


def usual_order(wanted: Filter) -> str:
    """The order that goes without saying: the best matches of a search come first."""
    return BEST if wanted.search else Sort.NEWEST


def read_filter(args: Form) -> Filter:
    """The filter in an address. Days are those of UTC, and both ends belong to their stretch.

    Raises:
        Invalid: a value is no word of its vocabulary, no day, or no account.
    """
    first, last = _day("created_from", args), _day("created_to", args)
    search = args.get("search", "").strip()
    sort = _one_of("sort", {sort.value: sort for sort in Sort} | {BEST: None}, args)
    return Filter(
        category=read_words("category", Category, args.getlist("category")),
        priority=read_words("priority", Priority, args.getlist("priority")),
        status=read_words("status", Status, args.getlist("status")),
        assignee=frozenset(_whose(word) for word in args.getlist("assignee") if word),
        tag=frozenset(tag for word in args.getlist("tag") if (tag := tidy_tag(word)) and is_storable(tag)),
        requester=_requester(args),
        created_after=first,
        created_before=last + DAY if last else None,
        snoozed=_one_of("snoozed", SNOOZED, args),
        needs_triage=_one_of("triage", {"yes": True}, args) or False,
        search=search,
        sort=sort or Sort.NEWEST,
        best=bool(search) and sort is None,
    )


def chips(wanted: Filter, whose: Mapping[int | Assignee, str], view: str | None = None) -> list[tuple[str, str, str]]:
    """What narrows the list down: the field, what it shows, and the address of the list without it."""

    def without(**fields: object) -> str:
        return address(replace(wanted, **fields), view=view)  # type: ignore[arg-type]

    found = [
        (field, words(word), without(**{field: getattr(wanted, field) - {word}}))
        for field, vocabulary in FIELDS.items()
        for word in vocabulary
        if word in getattr(wanted, field)
    ]
    for who in sorted(wanted.assignee, key=str):
        # The viewer, and whoever's account is switched off, are not offered but may be named in an address.
        said = whose[who] if who in whose else assignment.agent(who).name
        found.append(("assignee", said, without(assignee=wanted.assignee - {who})))
    found += [("tag", tag, without(tag=wanted.tag - {tag})) for tag in sorted(wanted.tag)]
    if wanted.needs_triage:
        found.append(("category", "Needs triage", without(needs_triage=False)))
    if wanted.snoozed is not None:
        found.append(("snoozed", "Only" if wanted.snoozed else "Hidden", without(snoozed=None)))
    if wanted.requester:
        found.append(("requester", wanted.requester, without(requester="")))
    if wanted.created_after:
        found.append(("from", f"{wanted.created_after.day} {wanted.created_after:%b %Y}", without(created_after=None)))
    if wanted.created_before:
        last = wanted.created_before - DAY
        found.append(("until", f"{last.day} {last:%b %Y}", without(created_before=None)))
    if wanted.search:
        found.append(("search", wanted.search, without(search="")))
    return found


def _whose(word: str) -> int | Assignee:
    if word in set(Assignee):
        return Assignee(word)
    return assignment.agent(read_id(word) or 0).id


def _requester(args: Form) -> str:
    typed = args.get("requester", "").strip()
    if not is_storable(typed) or len(typed) > EMAIL_MAX:
        raise Invalid(FieldFault("requester", "This must be an e-mail address."))
    return typed


def _one_of(field: str, known: Mapping[str, Value], args: Form) -> Value | None:
    typed = args.get(field)
    if not typed:
        return None
    if typed not in known:
        raise Invalid(FieldFault(field, f"This must be one of: {', '.join(known)}."))
    return known[typed]


def _day(field: str, args: Form) -> datetime | None:
    typed = args.get(field)
    if not typed:
        return None
    try:
        # The last days of the calendar have no day after them.
        day = min(date.fromisoformat(typed), date.max - 2 * DAY)
    except ValueError:
        raise Invalid(FieldFault(field, "This must be a day, such as 2026-01-31.")) from None
    return datetime.combine(day, time(), UTC)
