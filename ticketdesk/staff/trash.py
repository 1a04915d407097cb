"""The trash: what is in it, putting tickets there, and restoring them."""

from datetime import datetime

from flask import current_app, flash, request
from flask.typing import ResponseReturnValue

from config import Settings
from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.models import reference_of
from ticketdesk.staff.reading import read_id, read_ticket_ids
from ticketdesk.staff.undo import back, tell
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.tickets import queries, thread, trash


class Trash(ConsolePage):
    """Deleted tickets, until they are gone for ever."""

    @route("/")
    def index(self) -> ResponseReturnValue:
        """What was deleted, the latest first."""
        found = trash.page(after=_read_place(), most=trash.PAGE_SIZE + 1)
        shown = found[: trash.PAGE_SIZE]
        return self.page(
            "staff/trash.html",
            tickets=shown,
            more=len(found) > len(shown),
            deleted_by=trash.deleted_by(shown),
            days=_days(),
        )

    @route("/<int:ticket_id>")
    def show(self, ticket_id: int) -> ResponseReturnValue:
        """One deleted ticket, to be read."""
        ticket = trash.in_trash(ticket_id)
        posts = thread.whole_thread(ticket)
        lines = thread.lines(posts, queries.events_of(ticket))
        return self.page("staff/trashed.html", ticket=ticket, lines=lines, days=_days())

    @route("/put/", "POST")
    def put(self) -> ResponseReturnValue:
        """Move the ticked tickets to the trash."""
        ids = read_ticket_ids(request.form)
        act = trash.trash(ids, caller().actor)
        db.session.commit()
        if act is None:
            flash("Select the tickets to delete first." if not ids else "They are deleted already.", "note")
        else:
            number = len(act.ticket_ids)
            name = reference_of(act.ticket_ids[0]) if number == 1 else f"{number} tickets"
            tell(f"{name} moved to the trash.", act)
        return back()

    @route("/restore/", "POST")
    def restore(self) -> ResponseReturnValue:
        """Take tickets out of the trash."""
        number = trash.restore(read_ticket_ids(request.form), caller().actor)
        db.session.commit()
        if number:
            flash("The ticket is restored." if number == 1 else f"{number} tickets are restored.", "good")
        else:
            flash("Nothing was left to restore.", "note")
        return back()


def _days() -> int:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.trash_days


def _read_place() -> tuple[datetime, int] | None:
    """Where the page begins, as the link of the one before it says."""
    moment, number = request.args.get("before"), read_id(request.args.get("id", ""))
    if moment is None:
        return None
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or number is None:
        raise Invalid(FieldFault("before", "This is no place in the trash; start again without it."))
    return at, number
