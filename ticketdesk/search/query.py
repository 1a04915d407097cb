"""Reading what someone typed into a search box."""

import re
import time
from dataclasses import dataclass
from functools import lru_cache

from flask import current_app
from sqlalchemy import BigInteger, ColumnElement, cast, func, literal, or_
from sqlalchemy.dialects.postgresql import TSQUERY

from ticketdesk import reading
from ticketdesk.models import Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.models.ticket import REFERENCE_PREFIX
from ticketdesk.reading import Statement
from ticketdesk.search.tsquery import Node, leaves, parse, with_forms
from ticketdesk.search.vocabulary import SIMPLE, forms

QUERY_MAX = 500
_FORMS_KEPT = 60.0

_WORD = re.compile(r"\w")
_REFERENCE = re.compile(rf"\s*{REFERENCE_PREFIX}(\d{{1,19}})\s*", re.IGNORECASE | re.ASCII)


# The last word is still being typed: its lexeme ends the query's text form, but for the brackets that
# `-e-mail` brings along, and `:*` makes it a beginning. A query of stop characters alone stays empty.
_READ = Statement(
    rb"""
    SELECT (CASE WHEN %(unfinished)s THEN regexp_replace(query::text, '([ )]*)$', ':*\1')::tsquery ELSE query END)::text
    FROM (SELECT websearch_to_tsquery('simple', ticketdesk_fold(%(typed)s)) AS query) AS read
    """,
    {},
    plan_for_values=False,
)


@dataclass(frozen=True, slots=True)
class Query:
    """What was typed into a search box: its words, and the id of the ticket whose reference it is."""

    words: Node
    ticket_id: int | None = None


def read(typed: str) -> Query | None:
    """What was typed, or None where that holds no word.

    Words must all occur; ``"…"`` is a phrase, ``or`` and ``-`` work as in a web
    search, and the last word also counts as a beginning. Case and accents do not
    matter, nor do the endings of words in the desk's language. A reference such as
    TD-1042 also finds that ticket itself, or the one
    that it was merged into.
    Only the first 500 characters are read.
    """
    typed = typed.replace("\x00", " ")[:QUERY_MAX].encode("utf-8", "replace").decode("utf-8")
    if _WORD.search(typed) is None:
        return None
    # Which forms a word has is learnt as tickets come in.
    return _read(typed, current_app.config["SEARCH_LANGUAGE"], int(time.monotonic() / _FORMS_KEPT))


@lru_cache(maxsize=512)
def _read(typed: str, language: str, _minute: int) -> Query | None:
    [(written,)] = reading.rows(_READ, typed=typed, unfinished=typed[-1].isalnum())
    words = parse(written)
    if words is None:
        return None
    if language != SIMPLE:
        words = with_forms(words, forms({word.lexeme for word in leaves(words)}, language))
    reference = _REFERENCE.fullmatch(typed)
    return Query(words, int(reference[1]) if reference and int(reference[1]) <= BIGINT_MAX else None)


def matching(query: Query) -> ColumnElement[bool]:
    """The condition that a ticket matches.

    Title, description and messages are searched as one text. Notes are among
    them, so this is for the desk: whoever finds a ticket by a word learns that it
    is there. The weights tell the parts apart: A and B are the title and the
    description, C are replies and D are notes.
    """
    words = Ticket.search_vector.op("@@")(cast(literal(str(query.words)), TSQUERY))
    if query.ticket_id is None:
        return words
    return or_(Ticket.id == func.ticket_survivor(cast(query.ticket_id, BigInteger)), words)
