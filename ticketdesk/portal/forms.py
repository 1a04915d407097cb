"""The customer's form. It reads what was typed; whether that makes a ticket is decided by the rules of tickets."""

import secrets
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from flask import request
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, MultipleFileField, SelectField, StringField, TextAreaField

from ticketdesk.ai.suggest import MIN_TEXT, is_enough
from ticketdesk.attachments import service as attachments
from ticketdesk.attachments.policy import FIELD
from ticketdesk.attachments.service import Received
from ticketdesk.attachments.waiting import FIELD as WAITING
from ticketdesk.attachments.waiting import Waiting, read_words
from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.core.text import is_storable
from ticketdesk.core.vocabulary import CATEGORY_MEANINGS, PRIORITY_MEANINGS, TITLE_MAX, Category, Priority
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion
from ticketdesk.tickets import idempotency
from ticketdesk.tickets.rules import Checker
from ticketdesk.tickets.service import NewTicket

Word = TypeVar("Word", bound=StrEnum)

TOO_SHORT = f"Write at least {MIN_TEXT} characters, so that there is something to suggest from."


def _choices(open_choice: str, meanings: Mapping[Word, str]) -> list[tuple[str, str]]:
    return [("", open_choice), *((word.value, f"{word.capitalize()}: {meaning}") for word, meaning in meanings.items())]


class FormWithFiles(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types.
    """A form that brings files, and carries the words for those that it brought before."""

    files = MultipleFileField("Files")
    _received: Received | None = None

    def take_in(self) -> None:
        """Take in the files that were chosen. It ends the transaction, because storing may take a while."""
        db.session.rollback()
        self._received = attachments.receive(request.files.getlist(FIELD), self.waiting)
        db.session.commit()

    @property
    def waiting(self) -> Sequence[Waiting]:
        """The files that are here already."""
        if self._received is not None:
            return self._received.waiting
        return read_words(request.form.getlist(WAITING)) if self.is_submitted() else ()

    @property
    def faults(self) -> Sequence[FieldFault]:
        """Why files were not taken in."""
        return self._received.faults if self._received else ()

    def _identity(self) -> Sequence[str]:
        return self._received.identity if self._received else ()

    def lose(self, error: Invalid) -> None:
        """Tell what stops the form, and go on with those files that wait still."""
        self._received = Received(attachments.still(self.waiting))
        self.blame(*error.faults)

    def blame(self, *faults: FieldFault) -> None:
        """Put each fault beside its field."""
        for fault in faults:
            field = self[fault.field]
            field.errors = [*field.errors, fault.message]


class TicketForm(FormWithFiles):
    """What a customer types, and three hidden things that travel with it.

    ``nonce`` is made for each fresh form, so that sending it twice makes one ticket.
    ``suggestion`` is the signed number of the suggestion the customer has seen.
    ``by_hand`` names the fields the customer chose by hand, with blanks between.
    """

    title = StringField("Title")
    description = TextAreaField("Description")
    requester_name = StringField("Your name")
    requester_email = EmailField("E-mail address")
    category = SelectField("Category", default="", choices=_choices("Let us choose", CATEGORY_MEANINGS))
    priority = SelectField("Priority", default="", choices=_choices("Let us choose", PRIORITY_MEANINGS))
    nonce = HiddenField(default=secrets.token_urlsafe)
    suggestion = HiddenField()
    by_hand = HiddenField()

    def checked(self) -> NewTicket | None:
        """The ticket that was typed; None where there are faults, which then stand at their fields."""
        fits = self.validate() and not self.faults
        self.blame(*self.faults)
        try:
            new = NewTicket(
                title=self.title.data or "",
                description=self.description.data or "",
                requester_name=self.requester_name.data,
                requester_email=self.requester_email.data,
                category=_word(Category, self.category.data),
                priority=_word(Priority, self.priority.data),
            ).checked()
        except Invalid as error:
            self.blame(*error.faults)
            return None
        return new if fits else None

    def text_to_classify(self) -> tuple[str, str] | None:
        """Title and description for the engines; None where there is too little or too much, told at the field."""
        check = Checker()
        description = check.description(self.description.data or "")
        if not check.faults and not is_enough(description):
            check.faults.append(FieldFault("description", TOO_SHORT))
        if check.faults:
            self.blame(*check.faults)
            return None
        title = self.title.data or ""
        return title[:TITLE_MAX] if is_storable(title) else "", description

    def prefill(self, proposed: AiSuggestion, seen: AiSuggestion | None) -> None:
        """Put the proposal into the drop-downs, except where the customer has chosen.

        What still holds the proposal ``seen`` before was not chosen by the customer.
        """
        by_hand = (self.by_hand.data or "").split()
        for name in ("category", "priority"):
            field = self[name]
            untouched = not field.data or (seen is not None and field.data == getattr(seen, name))
            if untouched and name not in by_hand:
                field.data = getattr(proposed, name) or ""

    def digest(self, new: NewTicket) -> str:
        """What makes two sendings the same: the nonce, and all that was typed.

        A form without its nonce is never the same as another.
        """
        nonce = self.nonce.data or secrets.token_urlsafe()
        typed = (new.title, new.description, new.requester_name, new.requester_email, new.category, new.priority)
        return idempotency.digest("form", nonce, *(value or "" for value in typed), *self._identity())


class ReplyForm(FormWithFiles):
    """What a customer says on their ticket.

    ``nonce`` is made for each fresh form, so that sending it twice says it once.
    """

    body = TextAreaField("Your reply")
    nonce = HiddenField(default=secrets.token_urlsafe)

    def digest(self, link: str) -> str:
        """What makes two sendings the same; a form without its nonce is never the same as another."""
        nonce = self.nonce.data or secrets.token_urlsafe()
        return idempotency.digest("reply", link, nonce, self.body.data or "", *self._identity())


def _word(vocabulary: type[Word], value: str | None) -> Word | None:
    return next((word for word in vocabulary if word == value), None)
