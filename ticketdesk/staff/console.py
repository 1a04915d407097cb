"""The staff console: Flask-Admin's views and menu, in the desk's own clothes."""

from typing import Any

from flask import Flask, current_app
from flask_admin import Admin
from flask_admin.theme import Theme

from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, ApiToken, Staff
from ticketdesk.staff import sign_in
from ticketdesk.staff.ai import Ai
from ticketdesk.staff.canned import CannedReplies
from ticketdesk.staff.dashboard import Dashboard
from ticketdesk.staff.incidents import Incidents
from ticketdesk.staff.jobs import Jobs
from ticketdesk.staff.merging import Merging
from ticketdesk.staff.outbox import Outbox
from ticketdesk.staff.queue import Queue
from ticketdesk.staff.reference import People, Suggestions, Tokens
from ticketdesk.staff.saved_views import SavedViews, side_bar
from ticketdesk.staff.ticket import TicketPage
from ticketdesk.staff.trash import Trash
from ticketdesk.staff.undo import Undo

# A folder that Flask-Admin does not have, so that none of its own templates can show up.
THEME = Theme(folder="none", base_template="staff/_console.html")


def install(app: Flask) -> None:
    """Add the console to the app."""
    app.register_blueprint(sign_in.blueprint)
    dashboard = Dashboard("Dashboard", endpoint="dashboard", url="/staff", menu_icon_value="dashboard")
    admin = Admin(app, name=app.config["DESK_NAME"], index_view=dashboard, theme=THEME)
    admin.add_views(
        Queue("Queue", endpoint="queue", menu_icon_value="queue"),
        SavedViews("Views", endpoint="views"),
        TicketPage("Ticket", endpoint="ticket", url="tickets"),
        CannedReplies("Canned replies", endpoint="canned", menu_icon_value="canned"),
        Trash("Trash", endpoint="trash", menu_icon_value="trash"),
        Merging("Merge", endpoint="merging"),
        Undo("Undo", endpoint="undo"),
        Incidents("Incidents", endpoint="incidents"),
        People(Staff, db, "People", endpoint="people", menu_icon_value="people"),
        Tokens(ApiToken, db, "API tokens", endpoint="tokens", menu_icon_value="key"),
        Ai("AI", endpoint="ai", menu_icon_value="gauge"),
        Suggestions(AiSuggestion, db, "AI suggestions", endpoint="suggestions", menu_icon_value="spark"),
        Outbox("Outbox", endpoint="outbox", menu_icon_value="mail"),
        Jobs("Jobs", endpoint="jobs", menu_icon_value="jobs"),
    )
    app.add_template_global(menu, "console_menu")
    app.add_template_global(side_bar, "side_bar")


def menu() -> list[Any]:
    """What the caller may open, as Flask-Admin's menu items."""
    (admin,) = current_app.extensions["admin"]
    return [item for item in admin.menu() if item.is_visible() and item.is_accessible()]
