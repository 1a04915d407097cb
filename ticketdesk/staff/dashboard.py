"""The dashboard: how the desk stands, in figures that lead to their tickets."""

from datetime import timedelta

from flask.typing import ResponseReturnValue

from ticketdesk.core import clock
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.live import live_part
from ticketdesk.search import incidents
from ticketdesk.staff import charts
from ticketdesk.staff.filters import address
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.staff.worklist import places
from ticketdesk.tickets import queries, revision
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.pages import Sort
from ticketdesk.tickets.rating import satisfaction
from ticketdesk.tickets.stats import created_by_day, oldest_open, stats
from ticketdesk.tickets.workflow import ACTIVE

DAYS = 30
URGENT_SHOWN = 6

# The lists that the figures lead to.
LISTS: dict[str, Filter] = {
    "open": Filter(status=frozenset({Status.OPEN}), sort=Sort.OLDEST),
    "in_progress": Filter(status=frozenset({Status.IN_PROGRESS}), sort=Sort.FIRST_UPDATED),
    "resolved": Filter(status=frozenset({Status.RESOLVED}), sort=Sort.LAST_UPDATED),
    "urgent": Filter(status=ACTIVE, sort=Sort.MOST_URGENT),
    "all": Filter(),
    **{priority: Filter(priority=frozenset({priority})) for priority in Priority},
    **{category: Filter(category=frozenset({category})) for category in Category},
}


class Dashboard(ConsolePage):
    """The console's first page."""

    @route("/")
    def index(self) -> ResponseReturnValue:
        """Show the figures."""
        return self.page("staff/dashboard.html", **_figures(), incidents=incidents.current())

    @route("/figures")
    def figures(self) -> ResponseReturnValue:
        """The figures alone, for the page that refreshes itself."""
        return live_part(lambda: self.page("staff/_figures.html", **_figures()), revision.of_desk())


def _figures() -> dict[str, object]:
    today = clock.now().date()
    first = today - timedelta(days=DAYS - 1)
    created = created_by_day(first)
    days = [(day, created.get(day, 0)) for day in (first + timedelta(days=n) for n in range(DAYS))]
    found = stats()
    top = charts.round_top(max(tickets for _day, tickets in days))
    return {
        "stats": found,
        "days": days,
        "top": top,
        "columns": charts.columns(days, top),
        "arcs": charts.donut({category: found.by_category[category] for category in Category}),
        "donut_radius": charts.DONUT_RADIUS,
        "priorities": [(priority, found.by_priority[priority]) for priority in reversed(Priority)],
        "categories": [(category, found.by_category[category]) for category in Category],
        "most_of_a_priority": max(*found.by_priority.values(), 1),
        "today": created.get(today, 0),
        "this_week": sum(tickets for _day, tickets in days[-7:]),
        "satisfaction": satisfaction(),
        "oldest_open": oldest_open(),
        "urgent": queries.page(LISTS["urgent"], limit=URGENT_SHOWN).rows,
        "place_of": places(),
        "hrefs": {name: address(wanted) for name, wanted in LISTS.items()},
    }
