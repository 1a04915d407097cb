"""Merging tickets: choosing which, seeing what it means, and taking them apart again."""

import re
from collections.abc import Sequence
from http import HTTPStatus

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ticketdesk.core.errors import Conflict, FieldFault, Invalid, NotFound
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.models import Ticket, reference_of
from ticketdesk.staff.reading import read_id
from ticketdesk.staff.undo import back, tell
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.tickets import merging, queries
from ticketdesk.tickets.filter import Filter

OFFERED_MOST = 10

_REFERENCE = re.compile(r"\s*(?:td-)?(\d{1,19})\s*", re.IGNORECASE | re.ASCII)


class Merging(ConsolePage):
    """The page that asks before tickets are merged."""

    def is_visible(self) -> bool:
        """The queue and the tickets lead here."""
        return False

    @route("/", "GET", "POST")
    def index(self) -> ResponseReturnValue:
        """Show what would be merged; a POST merges it."""
        ids = _read_ids()
        if request.method == "POST" and "into" in request.form:
            return self._merge(ids)
        if request.method == "POST":
            # From the bar under the queue: the choice is an address, which can be loaded again.
            return redirect(url_for(".index", ticket=ids), HTTPStatus.SEE_OTHER)
        try:
            tickets = [queries.survivor_of(ticket_id) for ticket_id in ids]
            fault = ""
        except NotFound as error:
            tickets, fault = [queries.survivor_of(ids[0])], str(error)
        return self._page(list(dict.fromkeys(tickets)), fault)

    @route("/separate/", "POST")
    def separate(self) -> ResponseReturnValue:
        """Make a merged ticket one of its own again."""
        try:
            ticket = merging.unmerge(read_id(request.form.get("ticket", "")) or 0, caller().actor)
            db.session.commit()
            flash(f"{ticket.reference} is a ticket of its own again.", "good")
        except Conflict as error:
            db.session.rollback()
            flash(str(error), "note")
        return back()

    def _merge(self, ids: Sequence[int]) -> ResponseReturnValue:
        into = read_id(request.form.get("into", "")) or 0
        try:
            act = merging.merge(into, [ticket_id for ticket_id in ids if ticket_id != into], caller().actor)
            db.session.commit()
        except (Conflict, NotFound) as error:
            db.session.rollback()
            tickets = [queries.survivor_of(ticket_id) for ticket_id in ids]
            return self._page(list(dict.fromkeys(tickets)), str(error)), HTTPStatus.CONFLICT
        merged = [reference_of(ticket_id) for ticket_id in act.ticket_ids[1:]]
        tell(f"{', '.join(merged)} merged into {reference_of(into)}.", act)
        return redirect(url_for("ticket.show", ticket_id=into), HTTPStatus.SEE_OTHER)

    def _page(self, tickets: Sequence[Ticket], fault: str) -> str:
        others = []
        if len(tickets) == 1 and (email := tickets[0].requester_email):
            found = queries.page(Filter(requester=email), limit=OFFERED_MOST + 1).rows
            others = [row for row in found if row.id != tickets[0].id][:OFFERED_MOST]
        return self.page("staff/merging.html", tickets=tickets, others=others, fault=fault)


def _read_ids() -> list[int]:
    """The tickets that the address or the form names, by number or reference, each once, in the order of their ids.

    Raises:
        Invalid: one is no ticket's name, or there are none or too many.
    """
    matches = [_REFERENCE.fullmatch(value) for value in request.values.getlist("ticket") if value.strip()]
    ids = {read_id(match[1]) if match else None for match in matches}
    if not ids or None in ids:
        raise Invalid(FieldFault("ticket", "Name tickets by their reference, such as TD-1042."))
    if len(ids) > merging.MERGED_MOST + 1:
        raise Invalid(FieldFault("ticket", f"At most {merging.MERGED_MOST} tickets can be merged into one at once."))
    return sorted(each for each in ids if each is not None)
