"""Variables in texts that staff write once for many tickets.

This is plain substitution from a fixed table and not a template language: what
stands between the braces is looked up and never run.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import current_app

from ticketdesk.core.actors import Actor
from ticketdesk.core.errors import FieldFault, Invalid
from ticketdesk.models import Ticket
from ticketdesk.tickets import serialize

# A backslash in front makes the braces ordinary ones, for the reader of Markdown as well as here.
_VARIABLE = re.compile(r"(?P<escaped>\\[\\{])|\{\{(?P<name>[^{}\n]*)\}\}|(?P<open>\{\{[^\n]{0,40})")
# What means something inside a line of Markdown; a name or a title is to be shown as it was written.
_MARKS = re.compile(r"[\\`*_\[\]<&~]")

NAMELESS = "there"
ADDRESSLESS = "your e-mail address"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: what it stands for, in words for the person who writes the text, an example, and its value."""

    meaning: str
    example: str
    value: Callable[[Ticket, Actor], str]


def _first_word(name: str) -> str:
    return name.split()[0] if name.split() else name


def _quoted(text: str) -> str:
    return _MARKS.sub(r"\\\g<0>", text)


VARIABLES: dict[str, Variable] = {
    "requester.name": Variable(
        f"The requester's name, or “{NAMELESS}” where it is not known.",
        "Ada Lovelace",
        lambda ticket, _: _quoted(ticket.requester_name or NAMELESS),
    ),
    "requester.first_name": Variable(
        f"The first word of the requester's name, or “{NAMELESS}” where it is not known.",
        "Ada",
        lambda ticket, _: _quoted(_first_word(ticket.requester_name or NAMELESS)),
    ),
    "requester.email": Variable(
        f"The requester's e-mail address, or “{ADDRESSLESS}” where it is not known.",
        "ada@example.com",
        lambda ticket, _: _quoted(ticket.requester_email or ADDRESSLESS),
    ),
    "ticket.reference": Variable(
        "The ticket's reference, such as TD-1042.", "TD-1042", lambda ticket, _: ticket.reference
    ),
    "ticket.title": Variable(
        "The ticket's title.", "The export stops half way", lambda ticket, _: _quoted(ticket.title)
    ),
    "ticket.url": Variable(
        "The requester's own link to the ticket.",
        "https://desk.example/t/4f1c",
        lambda ticket, _: serialize.customer_url(ticket, current_app.config["PUBLIC_URL"]),
    ),
    "agent.name": Variable("Your name.", "Grace Hopper", lambda _, agent: _quoted(agent.label)),
    "agent.first_name": Variable(
        "The first word of your name.", "Grace", lambda _, agent: _quoted(_first_word(agent.label))
    ),
    "desk.name": Variable(
        "The name of this desk.", "Support", lambda _ticket, _agent: _quoted(current_app.config["DESK_NAME"])
    ),
}


def fill(text: str, ticket: Ticket, agent: Actor) -> str:
    """The Markdown text with every variable replaced by its value, which is quoted so that it stays plain text.

    Raises:
        Invalid: a variable is unknown or not closed; all are named.
    """
    return _filled(text, lambda variable: variable.value(ticket, agent))


def fill_with_examples(text: str) -> str:
    """The same with examples for values, for whoever writes a text that is used later.

    Raises:
        Invalid: a variable is unknown or not closed; all are named.
    """
    return _filled(text, lambda variable: variable.example)


def faults(text: str) -> Sequence[FieldFault]:
    """Why a text could not be filled in: its variables that are unknown or not closed, each named once."""
    sentences: dict[str, None] = {}
    for found in _VARIABLE.finditer(text):
        if found["open"]:
            sentence = f"The variable that begins with “{found['open']}” is not closed; write it as {{{{ name }}}}."
            sentences[sentence] = None
        elif not found["escaped"] and found["name"].strip() not in VARIABLES:
            sentence = (
                f"There is no variable “{found['name'].strip()}”; there are {', '.join(VARIABLES)}."
                r" To show the braces themselves, write \{{ in front."
            )
            sentences[sentence] = None
    return [FieldFault("body", sentence) for sentence in sentences]


def _filled(text: str, value_of: Callable[[Variable], str]) -> str:
    if found := faults(text):
        raise Invalid(*found)
    return _VARIABLE.sub(
        lambda found: found[0] if found["escaped"] else value_of(VARIABLES[found["name"].strip()]), text
    )
