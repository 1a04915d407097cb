"""Views of the queue with a name: the ones every desk has, those that are shared, and one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, BindParameter, bindparam, func, select, update

from ticketdesk import reading
from ticketdesk.core.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from ticketdesk.extensions import db
from ticketdesk.models import Role, SavedView, Staff
from ticketdesk.models.desk_work import VIEW_NAME_MAX
from ticketdesk.tickets import queries
from ticketdesk.tickets.filter import Assignee, Filter
from ticketdesk.tickets.rules import Checker
from ticketdesk.tickets.sharing import check_may_change, visible_to
from ticketdesk.tickets.workflow import ACTIVE

# Each view is counted whenever the side bar is drawn.
VIEWS_MAX = 30
COUNT_MOST = 1_000

_filters = TypeAdapter(Filter)


class Saved(NamedTuple):
    """Whose a saved view is: its owner's, who is None where all share it, and whoever's who made it."""

    id: int
    owner_id: int | None
    made_by_id: int | None


@dataclass(frozen=True, slots=True)
class View:
    """A filter with a name; ``key`` names it in addresses, and ``letter`` opens it behind a typed g."""

    key: str
    name: str
    wanted: Filter
    letter: str = ""
    saved: Saved | None = None

    @property
    def shared(self) -> bool:
        """Whether all staff see it because somebody shares it."""
        return self.saved is not None and self.saved.owner_id is None

    @property
    def personal(self) -> bool:
        """Whether it is its owner's alone."""
        return self.saved is not None and not self.shared

    def may_be_changed_by(self, staff: Staff) -> bool:
        """Whether somebody who sees the view may also change it."""
        return self.saved is not None and _may_change(self.saved, staff)


class CountedView(NamedTuple):
    """A view with how many tickets it shows now; ``COUNT_MOST`` means so many or more."""

    view: View
    tickets: int


# What a desk works by from its first day. Who sleeps is left to the view of its own, or nobody could finish the others.
ALL_OPEN = View("open", "All open", Filter(status=ACTIVE, snoozed=False), "a")
STANDARD = (
    View("mine", "Mine", Filter(assignee=frozenset({Assignee.ME}), status=ACTIVE, snoozed=False), "m"),
    View("unassigned", "Unassigned", Filter(assignee=frozenset({Assignee.NONE}), status=ACTIVE, snoozed=False), "u"),
    View("triage", "Needs triage", Filter(needs_triage=True, snoozed=False), "t"),
    View("snoozed", "Snoozed", Filter(snoozed=True), "s"),
    ALL_OPEN,
)


def views_of(staff: Staff) -> Sequence[View]:
    """The views that somebody sees: those of every desk, the shared ones, and their own, each in their order."""
    return [*STANDARD, *_saved_by(staff)]


def counted_views_of(staff: Staff) -> Sequence[CountedView]:
    """The same with their counts, which take one statement together."""
    views = views_of(staff)
    found = queries.counts([view.wanted.seen_by(staff) for view in views], most=COUNT_MOST)
    return [CountedView(*each) for each in zip(views, found, strict=True)]


def view_of(key: str, staff: Staff) -> View | None:
    """The view that somebody sees under a key; None also where it is somebody else's."""
    standard = next((view for view in STANDARD if view.key == key), None)
    if standard or not key.isdecimal():
        return standard
    return next((view for view in _saved_by(staff) if view.key == key), None)


def save_view(name: str, wanted: Filter, by: Staff, *, shared: bool = False) -> View:
    """Keep a filter under a name, as the last of the views it stands among.

    Raises:
        Invalid: the name is empty or too long.
        Conflict: there are as many views as a side bar holds.
    """
    siblings = select(func.count(), func.coalesce(func.max(SavedView.position), 0)).where(
        SavedView.owner_id.is_(None) if shared else SavedView.owner_id == by.id
    )
    many, last = db.session.execute(siblings).one()
    if many >= VIEWS_MAX:
        raise Conflict(f"There are {VIEWS_MAX} views already; delete one that is not needed any more.")
    saved = SavedView(
        owner_id=None if shared else by.id,
        made_by_id=by.id,
        name=_checked(name),
        filter=_stored(wanted),
        position=last + 1,
    )
    db.session.add(saved)
    db.session.flush()
    return _named(saved.id, saved.owner_id, saved.made_by_id, saved.name, saved.filter)


def change_view(view: View, by: Staff, *, name: str | None = None, wanted: Filter | None = None) -> None:
    """Rename a view or let it show something else.

    Raises:
        Invalid: the name is empty or too long.
        Forbidden: it is not the person's to change.
        NotFound: it has been deleted.
    """
    saved = _theirs(view, by)
    if name is not None:
        saved.name = _checked(name)
    if wanted is not None:
        saved.filter = _stored(wanted)
    db.session.flush()


def delete_view(view: View, by: Staff) -> None:
    """Forget a view; the tickets stay as they are.

    Raises:
        Forbidden: it is not the person's to change.
        NotFound: it has been deleted.
    """
    db.session.delete(_theirs(view, by))
    db.session.flush()


def order_views(keys: Sequence[str], by: Staff, *, shared: bool = False) -> None:
    """Put all of somebody's own views, or all shared ones, into this order.

    Raises:
        Invalid: these are not the keys of all of them.
        Forbidden: they are shared, and the person is no admin.
    """
    check_may_change(None if shared else by.id, by)
    if sorted(keys) != sorted(view.key for view in _saved_by(by) if view.shared is shared):
        raise Invalid(FieldFault("views", "The views have changed meanwhile; load the page again, then order them."))
    places = [{"id": int(key), "position": position} for position, key in enumerate(keys, start=1)]
    db.session.execute(update(SavedView), places)


def move_view(view: View, by: Staff, *, up: bool) -> None:
    """Let a view change places with the one above or below it; the first and the last stay where they are.

    Raises:
        Forbidden: it is shared, and the person is no admin, or every desk has it.
    """
    _kept(view)
    keys = [other.key for other in _saved_by(by) if other.shared is view.shared]
    place = keys.index(view.key)
    other = place + (-1 if up else 1)
    if 0 <= other < len(keys):
        keys[place], keys[other] = keys[other], keys[place]
    order_views(keys, by, shared=view.shared)


@cache
def _visible() -> reading.Statement:
    staff_id: BindParameter[int | None] = bindparam("staff_id", None, type_=BigInteger)
    return reading.compiled(
        select(SavedView.id, SavedView.owner_id, SavedView.made_by_id, SavedView.name, SavedView.filter)
        .where(visible_to(SavedView.owner_id, staff_id))
        .order_by(SavedView.owner_id.nulls_first(), SavedView.position, SavedView.id)
    )


def _saved_by(staff: Staff) -> Sequence[View]:
    """What somebody sees of what was saved, in its order."""
    return [_named(*row) for row in reading.rows(_visible(), staff_id=staff.id)]


def _named(view_id: int, owner_id: int | None, made_by_id: int | None, name: str, wanted: dict[str, Any]) -> View:
    return View(str(view_id), name, _filters.validate_python(wanted), saved=Saved(view_id, owner_id, made_by_id))


def _may_change(saved: Saved, staff: Staff) -> bool:
    if saved.owner_id is not None:
        return saved.owner_id == staff.id
    return saved.made_by_id == staff.id or staff.role == Role.ADMIN


def _theirs(view: View, by: Staff) -> SavedView:
    kept = _kept(view)
    if not _may_change(kept, by):
        raise Forbidden("A shared view is changed by whoever made it and by admins; ask one, or save your own.")
    saved = db.session.get(SavedView, kept.id)
    if saved is None:
        raise NotFound("There is no such view; it may have been deleted.")
    return saved


def _kept(view: View) -> Saved:
    if view.saved is None:
        raise Forbidden("Every desk has this view; save one of your own instead.")
    return view.saved


def _checked(name: str) -> str:
    check = Checker()
    name = check.line("name", name, VIEW_NAME_MAX, "Give the view a name.")
    check.done()
    return name


def _stored(wanted: Filter) -> dict[str, Any]:
    stored: dict[str, Any] = _filters.dump_python(wanted, mode="json", exclude_defaults=True)
    return stored
