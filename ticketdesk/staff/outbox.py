"""The outbox: every mail the desk wrote, what became of it, and sending one again."""

from http import HTTPStatus

from flask import Response, current_app, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from config import Settings
from ticketdesk.core.errors import Conflict
from ticketdesk.extensions import db
from ticketdesk.mail import outbox
from ticketdesk.models import MailState
from ticketdesk.staff.reading import read_before, read_id, read_word
from ticketdesk.staff.views import ConsolePage, route

# The mail's own styles may apply and nothing else: no script, no request, no form, and not the desk's own origin.
MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class Outbox(ConsolePage):
    """The mails, to be read, and those that were not sent to be sent again."""

    @route("/")
    def index(self) -> ResponseReturnValue:
        """The mails, newest first."""
        state = read_word("state", MailState, request.args)
        before = read_before("mail", request.args)
        mails = outbox.page(state, before=before, limit=outbox.PAGE_SIZE + 1)
        return self.page(
            "staff/outbox.html",
            mails=mails[: outbox.PAGE_SIZE],
            more=len(mails) > outbox.PAGE_SIZE,
            counts=outbox.counts(),
            state=state,
            states=MailState,
            **self._told(),
        )

    @route("/<int:mail_id>")
    def show(self, mail_id: int) -> ResponseReturnValue:
        """One mail with all that is known of it."""
        return self.page("staff/mail.html", mail=outbox.by_id(mail_id), **self._told())

    @route("/<int:mail_id>/html")
    def html(self, mail_id: int) -> Response:
        """The mail as its reader's program shows it, on a page that can do nothing."""
        page = make_response(outbox.by_id(mail_id).html)
        page.headers["Content-Security-Policy"] = MAIL_POLICY
        page.headers["Referrer-Policy"] = "no-referrer"
        return page

    @route("/send/", "POST")
    def send(self) -> ResponseReturnValue:
        """Send a mail again that was not sent, or perhaps not."""
        number = read_id(request.form.get("id", "")) or 0
        try:
            outbox.send_again(number)
            db.session.commit()
            flash("The mail is on its way.", "good")
        except Conflict as error:
            db.session.rollback()
            flash(str(error), "bad")
        if request.form.get("back") == "mail":
            return redirect(url_for(".show", mail_id=number), HTTPStatus.SEE_OTHER)
        return redirect(url_for(".index", state=request.args.get("state") or None), HTTPStatus.SEE_OTHER)

    def _told(self) -> dict[str, object]:
        settings: Settings = current_app.config["SETTINGS"]
        return {"again": outbox.AGAIN, "mail_server": settings.mail_server, "settings": settings}
