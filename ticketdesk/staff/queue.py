"""The queue: finding tickets, opening them in place and changing many at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ticketdesk.ai import record
from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.core.text import is_storable
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.filters import words
from ticketdesk.gate import caller
from ticketdesk.search import incidents
from ticketdesk.staff.live import live_part
from ticketdesk.staff.reading import FIELDS, Form, read_changes, read_id, read_ticket_ids, read_words
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.tickets import assignment, queries, serialize, service
from ticketdesk.tickets.queries import Assignee, Filter, Sort
from ticketdesk.tickets.rules import tidy_tag

# What somebody still has to do something about.
UNDONE = frozenset({Status.OPEN, Status.IN_PROGRESS})

# Counting a million tickets takes longer than the page is worth; from here on it says "10,000+".
COUNT_MOST = 10_000
# What a search or a tag finds has to be looked at one by one.
COUNT_MOST_FOUND = 1_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column that the list can be sorted by; ``first`` is the order of the first click."""

    label: str
    field: str
    first: Sort

    def next_sort(self, sort: Sort) -> Sort:
        """The order that a click on the column's head asks for."""
        return sort.reversed if sort.removeprefix("-") == self.field else self.first


COLUMNS = (
    Column("Category", "category", Sort.CATEGORY_UP),
    Column("Priority", "priority", Sort.MOST_URGENT),
    Column("Status", "status", Sort.LEAST_DONE),
    Column("Created", "created_at", Sort.NEWEST),
    Column("Updated", "updated_at", Sort.LAST_UPDATED),
)

SORT_LABELS = {
    Sort.NEWEST: "Newest first",
    Sort.OLDEST: "Oldest first",
    Sort.LAST_UPDATED: "Last updated first",
    Sort.FIRST_UPDATED: "Longest untouched first",
    Sort.MOST_URGENT: "Most urgent first",
    Sort.LEAST_URGENT: "Least urgent first",
    Sort.LEAST_DONE: "Open ones first",
    Sort.MOST_DONE: "Closed ones first",
    Sort.CATEGORY_UP: "Category, A to Z",
    Sort.CATEGORY_DOWN: "Category, Z to A",
}


class Queue(ConsolePage):
    """The list of tickets. Its whole state is in its address."""

    def get_url(self, endpoint: str, **values: Any) -> str:
        """Where Flask-Admin's menu leads: to the tickets that are not done."""
        return address(Filter(status=UNDONE))

    @route("/", "GET", "POST")
    def index(self) -> ResponseReturnValue:
        """Show the list; a POST changes the ticked tickets and comes back to the same list."""
        if request.method == "POST":
            return _change_ticked()
        return self.page("staff/queue.html", **_list(), incidents=incidents.current())

    @route("/rows")
    def rows(self) -> ResponseReturnValue:
        """The list alone, for the page that refreshes itself."""
        return live_part(self.page("staff/_queue_list.html", **_list()))

    @route("/<int:ticket_id>")
    def opened(self, ticket_id: int) -> ResponseReturnValue:
        """What a row shows when it is opened in place."""
        ticket = queries.by_id(ticket_id)
        return render_template(
            "staff/_queue_opened.html",
            ticket=ticket,
            suggestion=record.latest(ticket.id),
            customer_url=serialize.customer_url(ticket, current_app.config["PUBLIC_URL"]),
        )


def address(wanted: Filter, cursor: str | None = None) -> str:
    """The queue's address for a filter."""
    return url_for(
        "queue.index",
        status=[word for word in Status if word in wanted.status],
        priority=[word for word in Priority if word in wanted.priority],
        category=[word for word in Category if word in wanted.category],
        assignee=sorted(str(who) for who in wanted.assignee),
        tag=sorted(wanted.tag),
        search=wanted.search or None,
        sort=wanted.sort if wanted.sort is not Sort.NEWEST else None,
        cursor=cursor,
    )


def read_filter(args: Form) -> Filter:
    """The filter in an address.

    Raises:
        Invalid: a value is no word of its vocabulary, or no account.
    """
    try:
        sort = Sort(args.get("sort") or Sort.NEWEST)
    except ValueError:
        raise Invalid(FieldFault("sort", f"This must be one of: {', '.join(Sort)}.")) from None
    return Filter(
        category=read_words("category", Category, args.getlist("category")),
        priority=read_words("priority", Priority, args.getlist("priority")),
        status=read_words("status", Status, args.getlist("status")),
        assignee=frozenset(_whose(word) for word in args.getlist("assignee") if word),
        tag=frozenset(tag for word in args.getlist("tag") if (tag := tidy_tag(word)) and is_storable(tag)),
        search=args.get("search", "").strip(),
        sort=sort,
    )


def _list() -> dict[str, object]:
    """What the templates of the list show."""
    wanted = read_filter(request.args)
    cursor = request.args.get("cursor") or None
    staff = caller().staff
    seen = wanted.seen_by(staff) if staff else wanted
    page = queries.page(seen, cursor=cursor)
    most = COUNT_MOST_FOUND if wanted.search or wanted.tag else COUNT_MOST
    found = queries.count(seen, most=most + 1)
    whose: dict[int | Assignee, str] = {Assignee.ME: "Mine", Assignee.NONE: "Unassigned"}
    whose |= {agent.id: agent.name for agent in assignment.agents() if agent != staff}
    return {
        "wanted": wanted,
        "unfiltered": Filter(sort=wanted.sort),
        "cursor": cursor,
        "page": page,
        "found": f"{most:,}+" if found > most else f"{found:,}",
        "one": found == 1,
        "columns": COLUMNS,
        "sort_labels": SORT_LABELS,
        "fields": FIELDS,
        "address": address,
        # A ticket's page leads on to the next one of this list.
        "kept": {"from": address(wanted, cursor).partition("?")[2]},
        "whose": whose,
        "chips": _chips(wanted, whose),
        "replace": replace,
    }


def _chips(wanted: Filter, whose: Mapping[int | Assignee, str]) -> list[tuple[str, str, str]]:
    """What narrows the list down: the field, what it shows, and the address of the list without it."""
    chips: list[tuple[str, str, str]] = [
        (field, words(word), address(replace(wanted, **{field: getattr(wanted, field) - {word}})))
        for field, vocabulary in FIELDS.items()
        for word in vocabulary
        if word in getattr(wanted, field)
    ]
    for who in sorted(wanted.assignee, key=str):
        # The viewer, and whoever's account is switched off, are not offered but may be named in an address.
        said = whose[who] if who in whose else assignment.agent(who).name
        chips.append(("assignee", said, address(replace(wanted, assignee=wanted.assignee - {who}))))
    for tag in sorted(wanted.tag):
        chips.append(("tag", tag, address(replace(wanted, tag=wanted.tag - {tag}))))
    if wanted.search:
        chips.append(("search", wanted.search, address(replace(wanted, search=""))))
    return chips


def _whose(word: str) -> int | Assignee:
    if word in set(Assignee):
        return Assignee(word)
    return assignment.agent(read_id(word) or 0).id


def _change_ticked() -> ResponseReturnValue:
    ids, changes = read_ticket_ids(request.form), read_changes(request.form)
    if not ids:
        flash("Select the tickets to change first.", "note")
    elif changes == service.Changes():
        flash("Choose a status, priority or category to set.", "note")
    else:
        changed, _act = service.change_many(ids, changes, caller().actor)
        db.session.commit()
        flash("1 ticket changed." if changed == 1 else f"{changed} tickets changed.", "good")
    return redirect(request.full_path, HTTPStatus.SEE_OTHER)
