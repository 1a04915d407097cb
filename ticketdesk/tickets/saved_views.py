"""Views of the queue with a name, personal and shared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import func, select

from ticketdesk.core.errors import Conflict, FieldFault, Invalid, NotFound
from ticketdesk.extensions import db
from ticketdesk.models import SavedView, Staff
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.models.desk_work import VIEW_NAME_MAX
from ticketdesk.tickets import queries
from ticketdesk.tickets.queries import Filter
from ticketdesk.tickets.rules import Checker
from ticketdesk.tickets.sharing import check_may_change, visible_to

# Each view is counted whenever the side bar is drawn.
VIEWS_MAX = 30
COUNT_MOST = 1_000

_filters = TypeAdapter(Filter)


@dataclass(frozen=True, slots=True)
class CountedView:
    """A view with how many tickets it shows now; ``COUNT_MOST`` means so many or more."""

    view: SavedView
    wanted: Filter
    tickets: int


def views_of(staff: Staff) -> Sequence[SavedView]:
    """The views that somebody sees: the shared ones first, then their own, each in their order."""
    return db.session.scalars(
        select(SavedView)
        .where(visible_to(SavedView.owner_id, staff))
        .order_by(SavedView.owner_id.nulls_first(), SavedView.position, SavedView.id)
    ).all()


def counted_views_of(staff: Staff) -> Sequence[CountedView]:
    """The same with their counts, which take one statement together."""
    views = views_of(staff)
    wanted = [filter_of(view) for view in views]
    found = queries.counts([each.seen_by(staff) for each in wanted], most=COUNT_MOST)
    return [CountedView(*each) for each in zip(views, wanted, found, strict=True)]


def view_of(view_id: int, staff: Staff) -> SavedView:
    """A view that is shared or somebody's own.

    Raises:
        NotFound: there is none with this id, or it is somebody else's.
    """
    view = db.session.get(SavedView, view_id) if 0 < view_id <= BIGINT_MAX else None
    if view is None or view.owner_id not in {None, staff.id}:
        raise NotFound("There is no such view; it may have been deleted.")
    return view


def filter_of(view: SavedView) -> Filter:
    """What the view shows; ``me`` still stands for whoever looks at it."""
    return _filters.validate_python(view.filter)


def save_view(name: str, wanted: Filter, by: Staff, *, shared: bool = False) -> SavedView:
    """Keep a filter under a name, as the last of the views it stands among.

    Raises:
        Invalid: the name is empty or too long.
        Forbidden: it is to be shared, and the person is no admin.
        Conflict: there are as many views as a side bar holds.
    """
    owner_id = None if shared else by.id
    check_may_change(owner_id, by)
    siblings = select(func.count(), func.coalesce(func.max(SavedView.position), 0)).where(
        SavedView.owner_id.is_(None) if shared else SavedView.owner_id == by.id
    )
    many, last = db.session.execute(siblings).one()
    if many >= VIEWS_MAX:
        raise Conflict(f"There are {VIEWS_MAX} views already; delete one that is not needed any more.")
    view = SavedView(owner_id=owner_id, name=_checked(name), filter=_stored(wanted), position=last + 1)
    db.session.add(view)
    db.session.flush()
    return view


def change_view(view: SavedView, by: Staff, *, name: str | None = None, wanted: Filter | None = None) -> None:
    """Rename a view or let it show something else.

    Raises:
        Invalid: the name is empty or too long.
        Forbidden, NotFound: it is not the person's to change.
    """
    check_may_change(view.owner_id, by)
    if name is not None:
        view.name = _checked(name)
    if wanted is not None:
        view.filter = _stored(wanted)
    db.session.flush()


def delete_view(view: SavedView, by: Staff) -> None:
    """Forget a view; the tickets stay as they are.

    Raises:
        Forbidden, NotFound: it is not the person's to change.
    """
    check_may_change(view.owner_id, by)
    db.session.delete(view)
    db.session.flush()


def order_views(view_ids: Sequence[int], by: Staff, *, shared: bool = False) -> None:
    """Put all of somebody's own views, or all shared ones, into this order.

    Raises:
        Invalid: these are not the ids of all of them.
        Forbidden: they are shared, and the person is no admin.
    """
    check_may_change(None if shared else by.id, by)
    views = {view.id: view for view in views_of(by) if (view.owner_id is None) is shared}
    if sorted(view_ids) != sorted(views):
        raise Invalid(FieldFault("views", "The views have changed meanwhile; load the page again, then order them."))
    for position, view_id in enumerate(view_ids, start=1):
        views[view_id].position = position
    db.session.flush()


def _checked(name: str) -> str:
    check = Checker()
    name = check.line("name", name, VIEW_NAME_MAX, "Give the view a name.")
    check.done()
    return name


def _stored(wanted: Filter) -> dict[str, Any]:
    stored: dict[str, Any] = _filters.dump_python(wanted, mode="json", exclude_defaults=True)
    return stored
