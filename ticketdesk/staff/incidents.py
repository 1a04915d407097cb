"""The banner that tells of incidents, and dismissing one."""

from http import HTTPStatus

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from ticketdesk.core.errors import Unauthenticated
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.live import live_part
from ticketdesk.search import incidents
from ticketdesk.staff.reading import read_id
from ticketdesk.staff.views import ConsolePage, route


class Incidents(ConsolePage):
    """The part of other pages that tells of incidents."""

    def is_visible(self) -> bool:
        """The menu has the pages it is part of."""
        return False

    @route("/")
    def index(self) -> ResponseReturnValue:
        """What goes on, for the page that refreshes itself."""
        return live_part(lambda: self.page("staff/_incidents.html", incidents=incidents.current()))

    @route("/dismiss", "POST")
    def dismiss(self) -> ResponseReturnValue:
        """Dismiss an incident for everybody and go back."""
        staff = caller().staff
        if staff is None:
            raise Unauthenticated("Sign in to dismiss an incident.")
        incidents.dismiss(read_id(request.form.get("incident", "")) or 0, staff)
        db.session.commit()
        flash("Dismissed. Nobody is told of it again.", "good")
        page = "queue.index" if request.form.get("page") == "queue" else "dashboard.index"
        return redirect(url_for(page), HTTPStatus.SEE_OTHER)
