"""The console's forms about accounts and canned replies.

They are WTForms without Flask-WTF's part: the app checks the CSRF token of every
request before its view runs, and the templates put it in.
"""

from enum import StrEnum

from wtforms import BooleanField, EmailField, Field, Form, PasswordField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length, Optional, Regexp, ValidationError

from ticketdesk.accounts.passwords import PASSWORD_MAX, PASSWORD_MIN
from ticketdesk.core.errors import Invalid
from ticketdesk.core.text import UNSTORABLE_SENTENCE, is_storable
from ticketdesk.core.vocabulary import EMAIL_MAX, NAME_MAX, Category, Priority, Status
from ticketdesk.filters import words
from ticketdesk.models import Role, Scope
from ticketdesk.models.canned_reply import CANNED_TITLE_MAX, SHORTCUT_MAX

PASSWORD_HINT = f"{PASSWORD_MIN} characters or more; a few words make a good one."


def storable(_form: Form, field: Field) -> None:
    """A validator: the database can hold the text."""
    if not is_storable(field.data or ""):
        raise ValidationError(UNSTORABLE_SENTENCE)


def show_faults(form: Form, error: Invalid) -> None:
    """Put the faults that a verb found beside the fields they are about."""
    for fault in error.faults:
        field = form[fault.field]
        field.errors = [*field.errors, fault.message]


def _email() -> EmailField:
    return EmailField(
        "E-mail address",
        [
            InputRequired("Enter an e-mail address."),
            Length(max=EMAIL_MAX, message=f"An e-mail address has at most {EMAIL_MAX} characters."),
            Regexp(r"\s*[^@\s\0]+@[^@\s\0]+\s*\Z", message="This is not an e-mail address, such as ada@example.com."),
        ],
    )


def _name(label: str, missing: str) -> StringField:
    return StringField(
        label,
        [
            DataRequired(missing),
            Length(max=NAME_MAX, message=f"A name has at most {NAME_MAX} characters."),
            storable,
        ],
    )


def _new_password(label: str = "Password", *, needed: bool = True) -> PasswordField:
    size = f"Choose a password of {PASSWORD_MIN} to {PASSWORD_MAX} characters; a few words do."
    return PasswordField(
        label,
        [
            InputRequired("Choose a password.") if needed else Optional(strip_whitespace=False),
            Length(PASSWORD_MIN, PASSWORD_MAX, message=size),
        ],
        description=PASSWORD_HINT,
    )


def _repeated(field: str) -> PasswordField:
    return PasswordField(
        "Repeat the password",
        [InputRequired("Repeat the password."), EqualTo(field, "The two passwords are not the same.")],
    )


class SignInForm(Form):
    """Who signs in. Nothing is checked here but that something was typed: the answer is the same for every mistake."""

    email = EmailField("E-mail address", [InputRequired("Enter your e-mail address.")])
    password = PasswordField("Password", [InputRequired("Enter your password.")])


class SetUpForm(Form):
    """The first admin."""

    name = _name("Your name", "Enter your name.")
    email = _email()
    password = _new_password()
    repeated = _repeated("password")


class PasswordForm(Form):
    """A change of one's own password."""

    current = PasswordField("Current password", [InputRequired("Enter your current password.")])
    password = _new_password("New password")
    repeated = _repeated("password")


class NewPersonForm(Form):
    """A new staff account."""

    name = _name("Name", "Enter a name.")
    email = _email()
    role = SelectField("Role", choices=[(role.value, role.value.capitalize()) for role in Role], default=Role.AGENT)
    password = _new_password("First password")


class PersonForm(Form):
    """A change of a staff account."""

    name = _name("Name", "Enter a name.")
    email = _email()
    role = SelectField("Role", choices=[(role.value, role.value.capitalize()) for role in Role])
    active = BooleanField("May sign in")
    password = _new_password("New password", needed=False)


class NewTokenForm(Form):
    """A new API token."""

    name = _name("Name", "Name the program that will use the token.")
    scope = SelectField("Scope", choices=[(Scope.READ.value, "Read"), (Scope.WRITE.value, "Read and write")])


def _change(label: str, vocabulary: type[StrEnum]) -> SelectField:
    return SelectField(label, choices=[("", "Leave as it is"), *((word.value, words(word)) for word in vocabulary)])


class CannedForm(Form):
    """A canned reply. What its values may be is checked by the verb that keeps it."""

    title = StringField("Title", render_kw={"maxlength": CANNED_TITLE_MAX})
    shortcut = StringField("Shortcut", render_kw={"maxlength": SHORTCUT_MAX})
    body = TextAreaField("Text")
    shared = BooleanField("Share it with everybody")
    status = _change("Status", Status)
    priority = _change("Priority", Priority)
    category = _change("Category", Category)
    assignee = SelectField("Assignee")
    tags = StringField("Tags to add")
