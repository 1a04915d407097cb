"""Canned replies: everybody's own, and the shared ones, which admins keep."""

from http import HTTPStatus

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ticketdesk.core.errors import Invalid
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import CannedReply, Role
from ticketdesk.staff import conversation
from ticketdesk.staff.forms import CannedForm, show_faults
from ticketdesk.staff.reading import me, read_id, read_word
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.tickets import assignment, canned, markdown, variables
from ticketdesk.tickets.canned import NewCannedReply


class CannedReplies(ConsolePage):
    """The canned replies that the caller can use."""

    @route("/")
    def index(self) -> ResponseReturnValue:
        """All of them."""
        found = [(each, canned.effect_of(each)) for each in canned.canned_replies_for(me())]
        return self.page("staff/canned_replies.html", found=found, chips=conversation.chips, is_admin=_is_admin())

    @route("/new", "GET", "POST")
    def new(self) -> ResponseReturnValue:
        """Write one."""
        form = _form()
        if request.method == "POST":
            try:
                made = canned.create_canned_reply(_read(form), me(), shared=_shared(form) or False)
                db.session.commit()
            except Invalid as error:
                return self._stopped(form, None, error)
            flash(f"“{made.title}” is kept. Type / in a reply to use it.", "good")
            return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)
        return self._page(form, None)

    @route("/<int:canned_id>", "GET", "POST")
    def edit(self, canned_id: int) -> ResponseReturnValue:
        """Change one."""
        found = canned.canned_reply(canned_id, me())
        form = _form(found)
        if request.method == "POST":
            try:
                canned.change_canned_reply(found, _read(form), me(), shared=_shared(form))
                db.session.commit()
            except Invalid as error:
                return self._stopped(form, canned_id, error)
            flash(f"“{found.title}” is saved.", "good")
            return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)
        return self._page(form, found)

    @route("/<int:canned_id>/delete", "POST")
    def delete(self, canned_id: int) -> ResponseReturnValue:
        """Forget one."""
        found = canned.canned_reply(canned_id, me())
        title = found.title
        canned.delete_canned_reply(found, me())
        db.session.commit()
        flash(f"“{title}” is deleted. What was sent with it stays.", "good")
        return redirect(url_for(".index"), HTTPStatus.SEE_OTHER)

    @route("/preview", "POST")
    def preview(self) -> ResponseReturnValue:
        """What the text will look like, for the script of the page."""
        return self.page("staff/_preview.html", **_preview(request.form.get("body", "")))

    def _stopped(self, form: CannedForm, canned_id: int | None, error: Invalid) -> ResponseReturnValue:
        db.session.rollback()
        show_faults(form, error)
        found = canned.canned_reply(canned_id, me()) if canned_id else None
        return self._page(form, found), HTTPStatus.UNPROCESSABLE_ENTITY

    def _page(self, form: CannedForm, found: CannedReply | None) -> str:
        return self.page(
            "staff/canned_reply.html",
            form=form,
            canned=found,
            may_change=found is None or found.owner_id is not None or _is_admin(),
            variables=variables.VARIABLES,
            **_preview(form.body.data or ""),
        )


def _form(found: CannedReply | None = None) -> CannedForm:
    """The form as it was sent, or with what the canned reply is now."""
    form = CannedForm(request.form if request.method == "POST" else None, data=_now(found) if found else None)
    people = {str(agent.id): agent.name for agent in assignment.agents()}
    if found is not None and found.assignee is not None:
        people.setdefault(str(found.assignee_id), f"{found.assignee.name} (switched off)")
    form.assignee.choices = [("", "Leave as it is"), *people.items()]
    if not _is_admin():
        del form.shared
    return form


def _now(found: CannedReply) -> dict[str, object]:
    words = {
        name: getattr(found, name) or "" for name in ("title", "shortcut", "body", "status", "priority", "category")
    }
    assignee = str(found.assignee_id or "")
    return {**words, "shared": found.owner_id is None, "assignee": assignee, "tags": ", ".join(found.tags)}


def _read(form: CannedForm) -> NewCannedReply:
    """What the form says.

    Raises:
        Invalid: a value is none of its field.
    """
    sent = request.form
    assignee = sent.get("assignee")
    return NewCannedReply(
        title=form.title.data or "",
        body=form.body.data or "",
        shortcut=form.shortcut.data or "",
        status=read_word("status", Status, sent),
        priority=read_word("priority", Priority, sent),
        category=read_word("category", Category, sent),
        assignee=assignment.agent(read_id(assignee) or 0) if assignee else None,
        tags=(form.tags.data or "").split(","),
    )


def _shared(form: CannedForm) -> bool | None:
    return form.shared.data if "shared" in form else None


def _is_admin() -> bool:
    return me().role == Role.ADMIN


def _preview(body: str) -> dict[str, object]:
    """What the template of previews shows."""
    try:
        return {"html": markdown.render(variables.fill_with_examples(body))}
    except Invalid as error:
        return {"faults": error.faults}
