"""What a ticket's texts must be. Pure; the doors may check earlier, but these rules decide."""

from email_validator import EmailNotValidError, validate_email

from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.core.text import UNSTORABLE_SENTENCE, is_storable, many_lines, one_line
from ticketdesk.core.vocabulary import DESCRIPTION_MAX, EMAIL_MAX, NAME_MAX, TITLE_MAX


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
