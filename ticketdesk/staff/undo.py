"""Undoing from a toast or from a ticket's history, and where a form of the console leads back to."""

from http import HTTPStatus
from urllib.parse import urlsplit

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from ticketdesk.core.errors import Conflict
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.models import Act
from ticketdesk.staff.reading import read_id
from ticketdesk.staff.views import ConsolePage, route
from ticketdesk.tickets import undo


class Undo(ConsolePage):
    """Taking back what was just done."""

    def is_visible(self) -> bool:
        """It is a button on other pages."""
        return False

    @route("/", "POST")
    def index(self) -> ResponseReturnValue:
        """Undo an act, and come back to the page that showed the button."""
        try:
            done = undo.undo(read_id(request.form.get("act", "")) or 0, caller().actor)
            db.session.commit()
            flash(done.sentence, "note" if done.kept else "good")
        except Conflict as error:
            db.session.rollback()
            flash(str(error), "note")
        return back()


def tell(sentence: str, act: Act | None) -> None:
    """Say what was done in a toast that offers to undo it."""
    flash(sentence, f"good undo-{act.id}" if act else "good")


def back() -> Response:
    """To the page that the form names, else the one that it stood on, else the queue; always one of the console."""
    for address in (request.form.get("next", ""), request.referrer or ""):
        parts = urlsplit(address)
        if parts.path.startswith("/staff/") and "\\" not in address and parts.netloc in {"", request.host}:
            return redirect(parts._replace(scheme="", netloc="").geturl(), HTTPStatus.SEE_OTHER)
    return redirect(url_for("queue.index"), HTTPStatus.SEE_OTHER)
