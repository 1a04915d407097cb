"""Views in the console's side bar, and the page where they are named, ordered and deleted."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, parse_qsl

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from ticketdesk.core.errors import Conflict, Invalid, NotFound
from ticketdesk.extensions import db
from ticketdesk.live import live_part
from ticketdesk.staff.filters import address, read_filter
from ticketdesk.staff.reading import me
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.tickets import revision, saved_views
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.saved_views import View


class Link(NamedTuple):
    """A view in the side bar: how many tickets it shows, and where it leads."""

    view: View
    tickets: int
    href: str


class Group(NamedTuple):
    """Views that stand under one heading."""

    heading: str
    links: Sequence[Link]


class SideBar(NamedTuple):
    """What the side bar shows of the views; ``active`` is the key of the one that is open, or empty."""

    groups: Sequence[Group]
    active: str
    most: int = saved_views.COUNT_MOST


class SavedViews(ConsolePage):
    """The views of whoever looks at them."""

    def is_visible(self) -> bool:
        """The side bar shows the views themselves."""
        return False

    @route("/", "GET", "POST")
    def index(self) -> ResponseReturnValue:
        """Show the views that have a place in an order; a POST saves a new one."""
        if request.method == "POST":
            return _save()
        views = [view for view in saved_views.views_of(me()) if view.saved]
        return self.page("staff/saved_views.html", views=views, address=address)

    @route("/side")
    def side(self) -> ResponseReturnValue:
        """The views alone, for the side bar that refreshes itself."""
        return live_part(lambda: self.page("staff/_views.html"), revision.of_desk())

    @route("/<key>", "POST")
    def change(self, key: str) -> ResponseReturnValue:
        """Rename a view, or let it show what the list shows."""
        view, query = _view(key), request.form.get("query")
        wanted = None if query is None else _filter_in(query)
        try:
            saved_views.change_view(view, me(), name=request.form.get("name"), wanted=wanted)
        except Invalid as error:
            return _told(error, url_for(".index"))
        db.session.commit()
        view = _view(key)
        flash(f"“{view.name}” is saved.", "good")
        return _to(url_for(".index") if wanted is None else address(wanted, view=key))

    @route("/<key>/move", "POST")
    def move(self, key: str) -> ResponseReturnValue:
        """Let a view change places with its neighbour."""
        saved_views.move_view(_view(key), me(), up=request.form.get("direction") == "up")
        db.session.commit()
        return _to(url_for(".index"))

    @route("/<key>/delete", "POST")
    def delete(self, key: str) -> ResponseReturnValue:
        """Forget a view."""
        view = _view(key)
        saved_views.delete_view(view, me())
        db.session.commit()
        flash(f"“{view.name}” is deleted. Its tickets stay as they are.", "good")
        return _to(url_for(".index"))


def side_bar() -> SideBar:
    """The views and their counts, for the page at hand."""
    links = [
        Link(view, tickets, address(view.wanted, view=view.key)) for view, tickets in saved_views.counted_views_of(me())
    ]
    groups = [
        Group("", [link for link in links if not link.view.saved]),
        Group("Shared", [link for link in links if link.view.shared]),
        Group("Yours", [link for link in links if link.view.personal]),
    ]
    # A ticket's page says in `from` which list it was opened from.
    opened_from = parse_qs(request.args.get("from", "")).get("view", [""])
    return SideBar([group for group in groups if group.links], request.args.get("view") or opened_from[0])


def _save() -> ResponseReturnValue:
    wanted = _filter_in(request.form.get("query", ""))
    try:
        view = saved_views.save_view(
            request.form.get("name", ""), wanted, me(), shared=request.form.get("shared") == "yes"
        )
    except (Invalid, Conflict) as error:
        return _told(error, address(wanted))
    db.session.commit()
    flash(f"“{view.name}” is saved and stands in the side bar.", "good")
    return _to(address(wanted, view=view.key))


def _view(key: str) -> View:
    view = saved_views.view_of(key, me())
    if view is None:
        raise NotFound("There is no such view; it may have been deleted.")
    return view


def _filter_in(query: str) -> Filter:
    return read_filter(MultiDict(parse_qsl(query.removeprefix("?"))))


def _told(error: Invalid | Conflict, back: str) -> ResponseReturnValue:
    """Say what is wrong where the person came from; what they typed is a name, so little is lost."""
    db.session.rollback()
    flash(error.sentences, "bad")
    return _to(back)


def _to(place: str) -> ResponseReturnValue:
    return redirect(place, HTTPStatus.SEE_OTHER)
