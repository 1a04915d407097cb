"""A ticket's own page: the conversation, everything about the ticket, and changing it."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from flask import current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from ticketdesk import downloads, local_time
from ticketdesk.ai import record
from ticketdesk.attachments import service as attachments
from ticketdesk.core.errors import Conflict, Invalid, NotFound
from ticketdesk.core.vocabulary import CATEGORY_MEANINGS, PRIORITY_MEANINGS, Status
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.live import live_part, unchanged
from ticketdesk.models import MessageKind, Ticket
from ticketdesk.staff import conversation, worklist
from ticketdesk.staff.conversation import Composer
from ticketdesk.staff.reading import FIELDS, me, read_assignee, read_changes, read_id
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.tickets import (
    acts,
    alike,
    assignment,
    merging,
    queries,
    revision,
    serialize,
    service,
    snooze,
    thread,
    trash,
)
from ticketdesk.tickets.canned import canned_replies_for
from ticketdesk.tickets.conversation import AnsweredMeanwhile
from ticketdesk.tickets.presence import note_presence, who_is_here
from ticketdesk.tickets.tags import offered, set_tags
from ticketdesk.tickets.workflow import DONE


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
        opened = _opened(ticket_id)
        return self._page(opened) if isinstance(opened, Ticket) else opened

    @route("/<int:ticket_id>/live")
    def live(self, ticket_id: int) -> ResponseReturnValue:
        """The ticket without the page around it, for the page that refreshes itself."""
        current = revision.of_ticket(ticket_id, besides=me())
        if current is not None and (same := unchanged(current)):
            _note_presence(ticket_id)
            return same
        opened = _opened(ticket_id)
        if not isinstance(opened, Ticket):
            # A page that is open when its ticket goes is loaded again, and led on.
            return opened
        return live_part(lambda: self.page("staff/_ticket.html", **_shown(opened)), current)

    @route("/<int:ticket_id>/next")
    def next(self, ticket_id: int) -> ResponseReturnValue:
        """Go to the ticket behind this one in the list that the caller came from."""
        _, behind = worklist.neighbours(queries.by_id(ticket_id))
        return _onward(behind)

    @route("/<int:ticket_id>/previous")
    def previous(self, ticket_id: int) -> ResponseReturnValue:
        """Go to the ticket before this one."""
        before, _ = worklist.neighbours(queries.by_id(ticket_id))
        return _onward(before, end="This is the first ticket of the list.")

    @route("/<int:ticket_id>/similar")
    def similar(self, ticket_id: int) -> ResponseReturnValue:
        """The tickets that read like this one; its page fetches them once it stands."""
        ticket = queries.by_id(ticket_id)
        return self.page("staff/similar.html", ticket=ticket, found=alike.similar_to(ticket))

    @route("/<int:ticket_id>/messages", "POST")
    def say(self, ticket_id: int) -> ResponseReturnValue:
        """Send a reply or add a note; what stops it comes back with all that was typed."""
        ticket = queries.by_id(ticket_id)
        # Whoever writes a note is not done with the ticket.
        onward = _onward_from(ticket) if request.form.get("kind") != MessageKind.NOTE else None
        received = conversation.take_in(request.form, request.files)
        try:
            sent = conversation.send(ticket_id, request.form, received)
        except AnsweredMeanwhile as error:
            db.session.rollback()
            ticket = queries.by_id(ticket_id)
            box = conversation.returned(request.form, received, newer=error.posts)
            return self._page(ticket, box), HTTPStatus.CONFLICT
        except (Invalid, Conflict) as error:
            db.session.rollback()
            box = conversation.returned(request.form, received, stopped=error)
            return self._page(queries.by_id(ticket_id), box), HTTPStatus.UNPROCESSABLE_ENTITY
        if onward:
            flash(f"{ticket.reference}: {sent.sentence[0].lower()}{sent.sentence[1:]}", "good")
            return onward()
        flash(sent.sentence, "good")
        return _back(ticket_id, anchor=f"message-{sent.message_id}" if sent.message_id else None)

    @route("/<int:ticket_id>/draft", "POST")
    def draft(self, ticket_id: int) -> ResponseReturnValue:
        """Keep what is being written, for the script of the page."""
        conversation.keep(ticket_id, request.form)
        return "", HTTPStatus.NO_CONTENT

    @route("/<int:ticket_id>/preview", "POST")
    def preview(self, ticket_id: int) -> ResponseReturnValue:
        """What is being written as its readers will see it, for the script of the page."""
        try:
            html = conversation.preview(queries.by_id(ticket_id), request.form)
        except Invalid as error:
            return self.page("staff/_preview.html", faults=error.faults)
        return self.page("staff/_preview.html", html=html)

    @route("/<int:ticket_id>/canned")
    def canned(self, ticket_id: int) -> ResponseReturnValue:
        """The canned replies filled in for this ticket, for the script of the page."""
        offered = conversation.offered(queries.by_id(ticket_id))
        return self.page("staff/_canned_offered.html", offered=offered, chips=conversation.chips)

    @route("/<int:ticket_id>/insert", "POST")
    def insert(self, ticket_id: int) -> ResponseReturnValue:
        """Put a canned reply into the box and send nothing, where no script does that."""
        received = conversation.take_in(request.form, request.files)
        ticket = queries.by_id(ticket_id)
        return self._page(ticket, conversation.inserted(ticket, request.form, received))

    @route("/<int:ticket_id>/files/<int:attachment_id>")
    def file(self, ticket_id: int, attachment_id: int) -> ResponseReturnValue:
        """A file of the ticket, to be saved."""
        return downloads.download(attachments.any_file(_wherever(ticket_id), attachment_id))

    @route("/<int:ticket_id>/files/<int:attachment_id>/thumbnail")
    def thumbnail(self, ticket_id: int, attachment_id: int) -> ResponseReturnValue:
        """What such a picture looks like."""
        file = attachments.any_file(_wherever(ticket_id), attachment_id)
        return downloads.thumbnail(file, request.if_none_match)

    @route("/<int:ticket_id>/tags", "POST")
    def tag(self, ticket_id: int) -> ResponseReturnValue:
        """Add and remove tags. Whatever others did to the ticket meanwhile stays, so no version is asked for."""
        ticket = service.locked(ticket_id)
        added = request.form.get("add", "").split(",")
        try:
            set_tags(ticket, {*ticket.tags, *added} - {request.form.get("remove", "")}, caller().actor)
            db.session.commit()
        except Invalid as error:
            db.session.rollback()
            flash(error.sentences, "bad")
        return _back(ticket_id)

    @route("/<int:ticket_id>/snooze", "POST")
    def snooze(self, ticket_id: int) -> ResponseReturnValue:
        """Let the ticket sleep until a moment, or wake it."""
        ticket, at = service.locked(ticket_id), request.form.get("at", "")
        until = None
        try:
            if "wake" in request.form:
                snooze.wake(ticket, caller().actor)
            else:
                until = local_time.read_moment("snoozed_until", request.form.get("until") or at)
                snooze.snooze(ticket, until, caller().actor)
            db.session.commit()
        except (Invalid, Conflict) as error:
            db.session.rollback()
            page = self._page(queries.by_id(ticket_id), snooze_fault=error.sentences, typed_at=at)
            return page, HTTPStatus.UNPROCESSABLE_ENTITY
        flash(f"It sleeps until {local_time.told(until)}." if until else "It is awake.", "good")
        return _back(ticket_id)

    def _change(self, ticket_id: int) -> ResponseReturnValue:
        changes = replace(
            read_changes(request.form),
            title=request.form.get("title"),
            assignee=read_assignee(request.form),
        )
        onward = _onward_from(queries.by_id(ticket_id))
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
            told = (
                {"typed_title": changes.title, "title_fault": fault.message}
                if fault.field == "title"
                else {"fault": fault.message}
            )
            return self._page(queries.by_id(ticket_id), **told), HTTPStatus.UNPROCESSABLE_ENTITY
        if onward:
            flash(f"{ticket.reference} is saved.", "good")
            return onward()
        flash("Saved." if changed else "Nothing was different.", "good" if changed else "note")
        return _back(ticket_id)

    def _page(self, ticket: Ticket, composer: Composer | None = None, **more: object) -> str:
        shown = _shown(ticket) | {
            "composer": composer or conversation.begun(ticket),
            "tags_offered": offered(),
            "canned_replies": canned_replies_for(me()),
            "chips": conversation.chips,
        }
        return self.page("staff/ticket.html", **shown, **more)


def _opened(ticket_id: int) -> Ticket | Response:
    """The ticket, which the caller has open from now on, or the way to where it is gone.

    That is the ticket it was merged into, or the trash.
    """
    try:
        ticket = queries.survivor_of(ticket_id)
    except NotFound:
        return redirect(url_for("trash.show", ticket_id=trash.in_trash(ticket_id).id))
    if ticket.id != ticket_id:
        return redirect(url_for(".show", ticket_id=ticket.id, **worklist.kept()))
    _note_presence(ticket.id)
    return ticket


def _note_presence(ticket_id: int) -> None:
    """Note that the caller has the ticket open; the page tells whether they are writing a reply."""
    note_presence(ticket_id, me(), typing="writing" in request.args)
    db.session.commit()


def _wherever(ticket_id: int) -> Ticket:
    """The ticket, also where it is in the trash, whose page shows its files, too."""
    try:
        return queries.by_id(ticket_id)
    except NotFound:
        return trash.in_trash(ticket_id)


def _back(ticket_id: int, *, anchor: str | None = None) -> Response:
    """To the ticket's page, or to a place on it."""
    return redirect(url_for(".show", ticket_id=ticket_id, _anchor=anchor, **worklist.kept()), HTTPStatus.SEE_OTHER)


def _onward(ticket_id: int | None, *, end: str = "This was the last ticket of the list.") -> Response:
    """To the ticket, or back to the list where it has ended."""
    if ticket_id is not None:
        return _back(ticket_id)
    flash(end, "note")
    return redirect(worklist.address(), HTTPStatus.SEE_OTHER)


def _onward_from(ticket: Ticket) -> Callable[[], Response] | None:
    """The way on where the form asks for it, found before the ticket moves in the list."""
    if request.form.get("then") != "next":
        return None
    _, behind = worklist.neighbours(ticket)
    return lambda: _onward(behind)


def _shown(ticket: Ticket) -> dict[str, object]:
    """What the part that refreshes itself shows; ``before`` in the address asks for an earlier part of the thread."""
    before = read_id(request.args.get("before", ""))
    posts = thread.whole_thread(ticket, before=before)
    return {
        "ticket": ticket,
        "thread": posts,
        "lines": thread.lines(posts, queries.events_of(ticket)),
        "undoable": {event_id: act for act in acts.undoable_on(ticket.id) for event_id in act.event_ids},
        "merged": merging.merged_into(ticket),
        "before": before,
        "others": who_is_here(ticket, besides=me()),
        "naps": snooze.offers(local_time.now()),
        "local_now": local_time.now(),
        "in_local_time": local_time.told,
        "may_sleep": Status(ticket.status) not in DONE,
        "kept": worklist.kept(),
        "list_address": worklist.address(),
        "agents": assignment.agents(),
        "suggestion": record.latest(ticket.id),
        "customer_url": serialize.customer_url(ticket, current_app.config["PUBLIC_URL"]),
        "fields": FIELDS,
        "meanings": CATEGORY_MEANINGS | PRIORITY_MEANINGS,
    }
