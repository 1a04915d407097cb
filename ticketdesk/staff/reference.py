"""Reference data behind Flask-Admin's model views: people, API tokens and the AI's suggestions.

Flask-Admin lists, searches and pages. It never writes: in place of its populate
and commit stand the verbs of accounts, and nothing is ever deleted.
"""

from http import HTTPStatus
from typing import Any

from flask import flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin.contrib.sqla import ModelView
from sqlalchemy import or_
from sqlalchemy.orm import Query
from wtforms import Form

from ticketdesk.accounts import service as accounts
from ticketdesk.core.errors import FieldFault, Invalid, NotFound
from ticketdesk.core.text import is_storable
from ticketdesk.extensions import db
from ticketdesk.gate import caller
from ticketdesk.models import AiSuggestion, ApiToken, Role, Scope, Staff
from ticketdesk.staff.forms import NewPersonForm, NewTokenForm, PersonForm, show_faults
from ticketdesk.staff.reading import me, read_id
from ticketdesk.staff.views import ConsolePage, route

# Flask-Admin pages by OFFSET, which reads all rows that it passes over.
PAGE_MOST = 1_000


class Reference(ConsolePage, ModelView):  # type: ignore[misc]
    """A list of rows, the newest first. A subclass that allows creating or editing says by which verb."""

    # A view that is not there cannot be opened by whoever knows its address.
    create_view: Any = None
    edit_view: Any = None
    details_view = delete_view = action_view = export = ajax_lookup = ajax_update = None
    can_create = can_edit = can_delete = False
    column_default_sort = ("id", True)
    column_sortable_list = ()
    page_size = 50
    # Flask-Admin would otherwise make a form out of the columns.
    form = Form
    own_arguments: tuple[str, ...] = ()
    """What may stand in the list's address besides Flask-Admin's own words."""

    def get_one(self, id: str) -> Any:
        """The row with this id, which is whatever stands in the address.

        Raises:
            NotFound: there is none, or this is no id.
        """
        number = read_id(id)
        row = None if number is None else db.session.get(self.model, number)
        if row is None:
            raise NotFound("There is no such entry.")
        return row

    def _apply_search(self, query: Any, counted: Any, joins: Any, counted_joins: Any, search: str) -> tuple[Any, ...]:
        # Flask-Admin takes `%`, `_` and a closing backslash for pattern language, and the last breaks the statement.
        columns = [getattr(self.model, name) for name in self.column_searchable_list]
        found = or_(*(column.icontains(search.strip(), autoescape=True) for column in columns))
        return query.filter(found), counted if counted is None else counted.filter(found), joins, counted_joins

    def _get_list_extra_args(self) -> Any:
        # Flask-Admin hands whatever else stands there to url_for, for which `_scheme` and its like have a meaning.
        found = super()._get_list_extra_args()
        found.extra_args = {name: value for name, value in found.extra_args.items() if name in self.own_arguments}
        return found

    def _handle_view(self, name: str, **kwargs: Any) -> ResponseReturnValue | None:
        # Flask-Admin hands what stands in the address to the database as it is.
        if not all(is_storable(value) for value in request.args.values()):
            raise Invalid(FieldFault("address", "This address holds a character that no entry can have."))
        if not 0 <= request.args.get("page", 0, type=int) <= PAGE_MOST:
            raise Invalid(FieldFault("page", f"Pages are counted from 0 to {PAGE_MOST:,}."))
        refused: ResponseReturnValue | None = super()._handle_view(name, **kwargs)
        return refused


class People(Reference):
    """The staff accounts. They are switched off rather than deleted: the history of tickets names them."""

    list_template = "staff/people.html"
    can_create = can_edit = True
    column_list = ("name", "email", "role", "active", "signed_in_at", "created_at")
    column_searchable_list = ("name", "email")

    @route("/new/", "GET", "POST")
    def create_view(self) -> ResponseReturnValue:
        """Make an account."""
        form = NewPersonForm(request.form)
        if request.method == "POST" and form.validate():
            try:
                person = accounts.create_staff(
                    form.email.data or "", form.name.data or "", Role(form.role.data), form.password.data or ""
                )
                db.session.commit()
            except Invalid as error:
                db.session.rollback()
                show_faults(form, error)
            else:
                flash(f"{person.name} can sign in now. Tell them the first password in person.", "good")
                return redirect(url_for(".index_view"), HTTPStatus.SEE_OTHER)
        return self.page("staff/person.html", form=form, person=None), _status(form)

    @route("/edit/", "GET", "POST")
    def edit_view(self) -> ResponseReturnValue:
        """Change an account."""
        person: Staff = self.get_one(request.args.get("id", ""))
        form = PersonForm(request.form, obj=person)
        if person.id == me().id:
            # One's own password has a page that asks for the old one, and nobody takes their own keys away.
            del form.role, form.active, form.password
        if request.method == "POST" and form.validate():
            try:
                _change_person(person, form)
                db.session.commit()
            except Invalid as error:
                db.session.rollback()
                show_faults(form, error)
            else:
                flash(f"{person.name} is saved.", "good")
                return redirect(url_for(".index_view"), HTTPStatus.SEE_OTHER)
        return self.page("staff/person.html", form=form, person=person), _status(form)


class Tokens(Reference):
    """The API tokens. They are made and revoked, and never changed."""

    list_template = "staff/tokens.html"
    can_create = True
    column_list = ("name", "hint", "scope", "created_by", "created_at", "used_at", "revoked_at")
    column_searchable_list = ("name",)

    @route("/new/", "GET", "POST")
    def create_view(self) -> ResponseReturnValue:
        """Make a token and show its secret, in this one answer only."""
        form = NewTokenForm(request.form)
        if request.method == "POST" and form.validate():
            try:
                token, secret = accounts.create_token(form.name.data or "", Scope(form.scope.data), caller().staff)
                db.session.commit()
            except Invalid as error:
                db.session.rollback()
                show_faults(form, error)
            else:
                response = make_response(self.page("staff/token_made.html", token=token, secret=secret))
                response.headers["Cache-Control"] = "no-store"
                return response
        return self.page("staff/token.html", form=form), _status(form)

    @route("/revoke/", "POST")
    def revoke(self) -> ResponseReturnValue:
        """Make a token useless at once."""
        token: ApiToken = self.get_one(request.form.get("id", ""))
        accounts.revoke_token(token)
        db.session.commit()
        flash(f"“{token.name}” is revoked.", "good")
        return redirect(url_for(".index_view"), HTTPStatus.SEE_OTHER)


class Suggestions(Reference):
    """What the engines proposed next to what people chose, to be read only."""

    list_template = "staff/suggestions.html"
    # There may be millions, and counting them says nothing.
    simple_list_pager = True
    own_arguments = ("show",)
    SHOWN = {
        "all": ("All", None),
        "overruled": (
            "Overruled",
            or_(
                AiSuggestion.chosen_category != AiSuggestion.category,
                AiSuggestion.chosen_priority != AiSuggestion.priority,
            ),
        ),
        "failed": ("With a failure", AiSuggestion.failure.is_not(None)),
    }

    def get_query(self) -> "Query[Any]":
        """The suggestions of the part that is chosen in the address."""
        try:
            _label, condition = self.SHOWN[request.args.get("show", "all")]
        except KeyError:
            raise Invalid(FieldFault("show", f"This must be one of: {', '.join(self.SHOWN)}.")) from None
        query: Query[Any] = super().get_query()
        return query if condition is None else query.filter(condition)


def _change_person(person: Staff, form: PersonForm) -> None:
    by = caller().staff
    if by is None:
        raise NotFound("There is no such entry.")
    accounts.change_staff(
        person,
        email=form.email.data or "",
        name=form.name.data or "",
        role=Role(form.role.data) if "role" in form else Role(person.role),
        active=form.active.data if "active" in form else person.active,
        by=by,
    )
    if "password" in form and form.password.data:
        accounts.change_password(person, form.password.data)


def _status(form: Form) -> HTTPStatus:
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
