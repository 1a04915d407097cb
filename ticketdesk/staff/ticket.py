"""A ticket's own page: everything about it, its history, and changing it."""

from dataclasses import replace
from http import HTTPStatus

from flask import current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ticketdesk.ai import record
from ticketdesk.core.errors import Invalid
from ticketdesk.core.vocabulary import CATEGORY_MEANINGS, PRIORITY_MEANINGS
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.models import Ticket
from ticketdesk.staff.live import live_part
from ticketdesk.staff.reading import FIELDS, read_changes
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.tickets import queries, serialize, service


class TicketPage(ConsolePage):
    """One ticket."""

    def is_visible(self) -> bool:
        """The menu has the queue, which leads here."""
        return False

    @route("/")
    def index(self) -> ResponseReturnValue:
        """The tickets together are the queue."""
        return redirect(url_for("queue.index"))

    @route("/<int:ticket_id>", "GET", "POST")
    def show(self, ticket_id: int) -> ResponseReturnValue:
        """Show the ticket; a POST changes what its form holds."""
        if request.method == "POST":
            return self._change(ticket_id)
        return self._page(queries.by_id(ticket_id))

    @route("/<int:ticket_id>/live")
    def live(self, ticket_id: int) -> ResponseReturnValue:
        """The ticket without the page around it, for the page that refreshes itself."""
        return live_part(self._page(queries.by_id(ticket_id), "staff/_ticket.html"))

    def _change(self, ticket_id: int) -> ResponseReturnValue:
        changes = replace(read_changes(request.form), title=request.form.get("title"))
        ticket = service.locked(ticket_id)
        if request.form.get("version") != str(ticket.version):
            db.session.rollback()
            return self._page(queries.by_id(ticket_id), unsaved=changes), HTTPStatus.CONFLICT
        try:
            changed = service.change(ticket, changes, caller().actor)
            db.session.commit()
        except Invalid as error:
            db.session.rollback()
            (fault,) = error.faults
            page = self._page(queries.by_id(ticket_id), typed_title=changes.title, title_fault=fault.message)
            return page, HTTPStatus.UNPROCESSABLE_ENTITY
        flash("Saved." if changed else "Nothing was different.", "good" if changed else "note")
        return redirect(url_for(".show", ticket_id=ticket_id), HTTPStatus.SEE_OTHER)

    def _page(self, ticket: Ticket, template: str = "staff/ticket.html", **more: object) -> str:
        return self.page(
            template,
            ticket=ticket,
            events=queries.events_of(ticket),
            suggestion=record.latest(ticket.id),
            customer_url=serialize.customer_url(ticket, current_app.config["PUBLIC_URL"]),
            fields=FIELDS,
            meanings=CATEGORY_MEANINGS | PRIORITY_MEANINGS,
            **more,
        )
