"""Addresses and header texts of mails. Pure.

People write titles, names and addresses, and some write them to make a mail say
or do something else: begin a header of their own, go to a second recipient, or
greet a stranger with a link. What could do that is taken out here, before the
mail is composed; the library that writes the mail refuses line ends once more.
"""

import hashlib
import hmac
import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

from ticketdesk.core.text import one_line

# These turn the direction of the text around them, so that it reads as something else.
_TURNERS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What separates addresses, or begins one, in a header.
_ADDRESS_SYNTAX = re.compile(r'[<>@,;:"\\()\[\]]+')
_LOOKS_LIKE_A_LINK = re.compile(r"[/@]|www\.|\w\.\w{2}", re.IGNORECASE)
_SIGNED = re.compile(r"[^@+\s]+\+(\d{1,19})\.([0-9a-f]{16})@[^@\s]+")


class NotAnAddress(ValueError):
    """No mail can go there."""


def header_text(text: str) -> str:
    """The text on one line, without characters that control rather than show."""
    shown = (" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text if c not in _TURNERS)
    # Python's mail library decodes encoded words (RFC 2047) that it is given, and what was in one could end the line.
    return one_line("".join(shown)).replace("=?", "= ?")


def display_name(name: str | None) -> str:
    """The name as it may stand before an address."""
    return one_line(_ADDRESS_SYNTAX.sub(" ", header_text(name or "")))


def greeting_name(name: str | None) -> str:
    """The name as the desk may greet it, or nothing where it is more like a link than a name.

    Anybody can send the form with somebody else's address, and what they call
    themselves would reach that person under the desk's own name.
    """
    return "" if name is None or _LOOKS_LIKE_A_LINK.search(name) else display_name(name)


def mailbox(address: str) -> str:
    """What all spellings of an address share: lower case, and nothing behind a plus."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def on_the_wire(address: str) -> str:
    """The address as mail servers take it, its domain in ASCII.

    Raises:
        NotAnAddress: it is none.
    """
    try:
        checked = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise NotAnAddress(f"{address} is not an e-mail address: {error}") from None
    return checked.ascii_email or f"{checked.local_part}@{checked.ascii_domain}"


def reply_address(desk_address: str, ticket_id: int, key: str) -> str:
    """Where answers about the ticket go: the desk's address with a part that only the desk can make."""
    local, _, domain = desk_address.rpartition("@")
    return f"{local}+{ticket_id}.{_signature(ticket_id, key)}@{domain}"


def ticket_of(address: str, key: str) -> int | None:
    """The id of the ticket that a reply address was made for, or None where the desk did not make it."""
    found = _SIGNED.fullmatch(address.strip().lower())
    if found is None:
        return None
    ticket_id = int(found[1])
    return ticket_id if hmac.compare_digest(found[2], _signature(ticket_id, key)) else None


def thread_id(ticket_id: int, key: str, domain: str) -> str:
    """The Message-ID that a ticket's conversation begins with; its receipt carries it."""
    return f"<ticket-{ticket_id}.{_signature(ticket_id, key)}@{domain}>"


def _signature(ticket_id: int, key: str) -> str:
    """64 bits in lower-case letters and digits, because mail servers may change the case of an address."""
    return hmac.new(key.encode(), f"mail:{ticket_id}".encode(), hashlib.sha256).hexdigest()[:16]
