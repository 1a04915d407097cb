"""What a ticket's texts must be. Pure; the doors may check earlier, but these rules decide."""

import unicodedata
from collections.abc import Iterable

from email_validator import EmailNotValidError, validate_email

from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.core.text import UNSTORABLE_SENTENCE, is_storable, many_lines, one_line
from ticketdesk.core.vocabulary import DESCRIPTION_MAX, EMAIL_MAX, NAME_MAX, TITLE_MAX
from ticketdesk.models.message import BODY_MAX
from ticketdesk.models.ticket import COMMENT_MAX, TAG_MAX, TAGS_MAX

# What separates tags in a text field, or would have to be quoted there.
_NOT_IN_TAGS = frozenset(",;\"'`<>\\")


def tidy_tag(tag: str) -> str:
    """The tag as it is stored: lower case, dashes for blanks, no # in front."""
    return "-".join(unicodedata.normalize("NFKC", tag).lower().split()).lstrip("#")


class Checker:
    """Cleans values and collects their faults, so that the sender hears of all at once."""

    def __init__(self) -> None:
        self.faults: list[FieldFault] = []

    def title(self, value: str) -> str:
        """The title on one line."""
        return self._required("title", one_line(value), TITLE_MAX, "Give the ticket a title.")

    def description(self, value: str) -> str:
        """The description with plain line ends."""
        return self._required("description", many_lines(value), DESCRIPTION_MAX, "Describe what you need.")

    def name(self, value: str | None) -> str | None:
        """The requester's name, or None where it is empty."""
        return self._fitting("requester_name", one_line(value or ""), NAME_MAX) or None

    def email(self, value: str | None) -> str | None:
        """The requester's address in its normal form, or None where it is empty."""
        address = self._fitting("requester_email", (value or "").strip(), EMAIL_MAX)
        if not address:
            return None
        try:
            # Whether the domain takes mail is found out by mailing it, not by asking the network here.
            return validate_email(address, check_deliverability=False, test_environment=True).normalized
        except EmailNotValidError:
            self._fault("requester_email", "This is not an e-mail address, such as ada@example.com.")
            return None

    def body(self, value: str, *, needed: bool = True) -> str:
        """A message's text with plain line ends."""
        body = many_lines(value)
        if needed:
            return self._required("body", body, BODY_MAX, "Write something first.")
        return self._fitting("body", body, BODY_MAX)

    def comment(self, value: str) -> str | None:
        """What is said about a rating, or None where it is empty."""
        return self._fitting("comment", many_lines(value), COMMENT_MAX) or None

    def draft(self, value: str) -> str:
        """The beginning of a message to the letter: white space at its end is about to be followed by a word."""
        return self._fitting("body", value, BODY_MAX)

    def line(self, field: str, value: str, most: int, when_empty: str) -> str:
        """A text of one line that may not be empty."""
        return self._required(field, one_line(value), most, when_empty)

    def shortcut(self, value: str, most: int) -> str | None:
        """What is typed behind a slash to find something, or None where it is empty."""
        shortcut = self._fitting("shortcut", tidy_tag(value).strip("/"), most)
        if "/" in shortcut or not shortcut.isprintable():
            self._fault("shortcut", "Use letters, digits and dashes, such as refund-done.")
        return shortcut or None

    def tags(self, values: Iterable[str]) -> list[str]:
        """Tidy tags, each once, in the order of the alphabet; empty ones are left out."""
        tags = sorted({tidy for tag in values if (tidy := tidy_tag(tag))})
        for tag in tags:
            if not is_storable(tag):
                self._fault("tags", UNSTORABLE_SENTENCE)
            elif not tag.isprintable() or _NOT_IN_TAGS & set(tag):
                self._fault("tags", f"“{tag[:TAG_MAX]}” holds a character that tags cannot have, such as a comma.")
            elif len(tag) > TAG_MAX:
                self._fault("tags", f"“{tag[:TAG_MAX]}…” has {len(tag):,} characters; at most {TAG_MAX} fit.")
        if len(tags) > TAGS_MAX:
            self._fault("tags", f"These are {len(tags):,} tags; a ticket has at most {TAGS_MAX}.")
        return tags

    def done(self) -> None:
        """Finish.

        Raises:
            Invalid: there were faults.
        """
        if self.faults:
            raise Invalid(*self.faults)

    def _required(self, field: str, value: str, most: int, when_empty: str) -> str:
        if not value:
            self._fault(field, when_empty)
        return self._fitting(field, value, most)

    def _fitting(self, field: str, value: str, most: int) -> str:
        if not is_storable(value):
            self._fault(field, UNSTORABLE_SENTENCE)
        elif len(value) > most:
            self._fault(field, f"This has {len(value):,} characters; at most {most:,} fit.")
        return value

    def _fault(self, field: str, message: str) -> None:
        self.faults.append(FieldFault(field, message))
