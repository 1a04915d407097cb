"""The queue: finding tickets, opening them in place and changing many at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import current_app, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from ticketdesk import local_time
from ticketdesk.ai import record
from ticketdesk.core.errors import Conflict, Invalid
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.filters import words
from ticketdesk.gate import caller
from ticketdesk.live import live_part
from ticketdesk.models import Staff, reference_of
from ticketdesk.search import incidents, snippets
from ticketdesk.search.meant import meant
from ticketdesk.search.query import read
from ticketdesk.staff.filters import address, chips, query_of, read_filter
from ticketdesk.staff.queue_rows import drawn
from ticketdesk.staff.reading import FIELDS, WAKE, me, read_bulk, read_ticket_ids
from ticketdesk.staff.undo import tell
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.tickets import assignment, best, queries, revision, serialize, service, tags, thread
from ticketdesk.tickets.filter import Assignee, Filter
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.saved_views import ALL_OPEN, view_of
from ticketdesk.tickets.snooze import offers
from ticketdesk.tickets.workflow import ACTIVE

# Counting a million tickets takes longer than the page is worth; from here on it says "10,000+".
COUNT_MOST = 10_000
# What no counter knows, such as a search or somebody's tickets, has to be looked at one by one.
COUNT_MOST_FOUND = 1_000


@dataclass(frozen=True, slots=True)
class Head:
    """What a column's head lets the list be sorted by; ``first`` is the order of the first click."""

    label: str
    field: str
    first: Sort

    def sorts(self, wanted: Filter) -> bool:
        """Whether the list is sorted by it."""
        return not wanted.best and wanted.sort.field == self.field

    def sorted(self, wanted: Filter) -> Filter:
        """The list that a click on the column's head asks for."""
        return replace(wanted, best=False, sort=wanted.sort.reversed if self.sorts(wanted) else self.first)


# Titles need the room, so both times share a column, which shows the one that the list goes by.
COLUMNS = {
    "category": (Head("Category", "category", Sort.CATEGORY_UP),),
    "priority": (Head("Priority", "priority", Sort.MOST_URGENT),),
    "status": (Head("Status", "status", Sort.LEAST_DONE),),
    "when": (Head("Created", "created_at", Sort.NEWEST), Head("Updated", "updated_at", Sort.LAST_UPDATED)),
}

BEST_LABEL = "Best match first"
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


# What an empty view of the desk's own means.
NOTHING_IN = {
    "mine": "Nothing that is yours waits for you.",
    "unassigned": "Every open ticket is somebody’s.",
    "triage": "Every open ticket has a category.",
    "snoozed": "No ticket sleeps.",
    "open": "Nobody waits for the desk.",
}


class Queue(ConsolePage):
    """The list of tickets. Its whole state is in its address."""

    def get_url(self, endpoint: str, **values: Any) -> str:
        """Where Flask-Admin's menu leads: to the tickets that are not done."""
        return address(ALL_OPEN.wanted, view=ALL_OPEN.key)

    @route("/", "GET", "POST")
    def index(self) -> ResponseReturnValue:
        """Show the list; a POST changes the ticked tickets and comes back to the same list."""
        if request.method == "POST":
            return _change_ticked()
        wanted = read_filter(request.args)
        return self.page("staff/queue.html", **_list(wanted), **_controls(wanted), incidents=incidents.current())

    @route("/rows")
    def rows(self) -> ResponseReturnValue:
        """The list alone, for the page that refreshes itself."""
        wanted = read_filter(request.args)
        return live_part(lambda: self.page("staff/_queue_list.html", **_list(wanted)), revision.of_desk())

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


def _list(wanted: Filter) -> dict[str, object]:
    """What the templates of the list show."""
    cursor, staff = request.args.get("cursor") or None, me()
    view = view_of(request.args.get("view", ""), staff)
    seen = wanted.seen_by(staff)
    page = best.page(seen, cursor=cursor) if seen.best else queries.page(seen, cursor=cursor)
    asked = read(wanted.search)
    most = COUNT_MOST if wanted.only_kinds else COUNT_MOST_FOUND
    found = queries.count(seen, most=most + 1)
    whose: dict[int | Assignee, str] = {Assignee.ME: "Mine", Assignee.NONE: "Unassigned"}
    whose |= {agent.id: agent.name for agent in assignment.agents() if agent.id != staff.id}
    here = partial(address, view=view.key if view else None)
    said = here(wanted, cursor).partition("?")[2]
    waiting = thread.waiting_for_answer([row.id for row in page.rows if row.status in ACTIVE])
    as_saved = view is not None and view.wanted == wanted
    return {
        "wanted": wanted,
        "view": view,
        "edited": view is not None and not as_saved,
        "may_change": view is not None and view.may_be_changed_by(staff),
        "said": said,
        "cursor": cursor,
        "page": page,
        "rows": drawn(page.rows, wanted.sort, said, waiting, snippets.of(page.rows, asked) if asked else {}),
        "found": f"{most:,}+" if found > most else f"{found:,}",
        "one": found == 1,
        "nothing_yet": not page.rows and not queries.count(Filter(), most=1),
        "columns": COLUMNS,
        "order": BEST_LABEL if wanted.best else SORT_LABELS[wanted.sort],
        "orders": SORT_LABELS,
        "best_label": BEST_LABEL,
        "best_of": best.RANKED_MAX if wanted.best and found > best.RANKED_MAX and not page.next else None,
        "meant": meant(wanted.search, asked) if asked and not page.rows and not cursor else None,
        "fields": FIELDS,
        "address": here,
        "unfiltered": address(Filter(sort=wanted.sort)),
        # What a view shows is said by its name as long as nothing was changed.
        "chips": [] if as_saved else chips(wanted, whose, here.keywords["view"]),
        "whose": whose,
        "replace": replace,
        "nothing_in": NOTHING_IN,
    }


def _controls(wanted: Filter) -> dict[str, object]:
    """What else the page round the list offers: what does not change while the list refreshes itself."""
    query = query_of(wanted)
    more = ("snoozed", "requester", "created_from", "created_to")
    return {
        "query": query,
        "more": sum(query[name] is not None for name in more) + len(wanted.tag),
        "tags": tags.offered(),
        "naps": [
            *((until.isoformat(), f"{name}, {local_time.told(until)}") for name, until in offers(local_time.now())),
            (WAKE, "Wake up now"),
        ],
    }


def _change_ticked() -> ResponseReturnValue:
    """Change what is ticked and say what became of it: to a script by the toast alone, else above the list again."""
    ids, changes = read_ticket_ids(request.form), read_bulk(request.form)
    if not ids:
        flash("Select the tickets to change first.", "note")
    elif changes == service.Changes():
        flash("Choose what to change first.", "note")
    else:
        _change(ids, changes)
    if request.headers.get("X-Answer") == "toast":
        return render_template("staff/_toasts.html")
    return redirect(request.full_path, HTTPStatus.SEE_OTHER)


def _change(ids: Sequence[int], changes: service.Changes) -> None:
    """Change all of the tickets or none."""
    try:
        changed, act = service.change_many(ids, changes, caller().actor)
        db.session.commit()
    except (Invalid, Conflict) as error:
        db.session.rollback()
        flash(f"Nothing is changed. {error.sentences}", "bad")
        return
    name = reference_of(ids[0]) if len(ids) == 1 else f"{changed} ticket{'' if changed == 1 else 's'}"
    if changed:
        tell(f"{name} {_done(changes)}.", act)
    else:
        flash("Nothing was different.", "note")


def _done(changes: service.Changes) -> str:
    """What was done to the tickets, where it was one thing."""
    match changes:
        case service.Changes(status=Status() as status) if changes == service.Changes(status=status):
            return f"set to {words(status).lower()}" if status in ACTIVE else str(status)
        case service.Changes(assignee=Staff() as staff) if changes == service.Changes(assignee=staff):
            return f"assigned to {'you' if staff == me() else staff.name}"
        case service.Changes(snoozed_until=datetime() as until) if changes == service.Changes(snoozed_until=until):
            return "snoozed"
    return "changed"
