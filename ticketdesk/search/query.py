"""Reading what someone typed into a search box."""

import re
from dataclasses import dataclass
from functools import lru_cache

from flask import current_app
from sqlalchemy import BigInteger, ColumnElement, any_, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import aliased

from ticketdesk import reading
from ticketdesk.models import Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.models.ticket import REFERENCE_PREFIX
from ticketdesk.reading import Statement
from ticketdesk.search import frequencies
from ticketdesk.search.newest import with_common_forms
from ticketdesk.search.tsquery import Node, leaves, parse, with_forms
from ticketdesk.search.vocabulary import SIMPLE, forms

QUERY_MAX = 500
_GATHERED_MOST = 2_500

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
    """What was typed into a search box: its words, and the id of the ticket whose reference it is.

    ``indexed`` is what an index of words is asked for (see `newest.with_common_forms`),
    and ``gathered`` tells that what it finds is to be fetched before anything else.
    """

    words: Node
    indexed: Node
    gathered: bool
    ticket_id: int | None = None


def read(typed: str) -> Query | None:
    """What was typed, or None where that holds no word.

    Words must all occur; ``"…"`` is a phrase, ``or`` and ``-`` work as in a web
    search, and the last word also counts as a beginning. Case and accents do not
    matter, nor do the endings of words in the desk's language. A reference such as
    TD-1042 also finds that ticket itself, or the one that it was merged into. Only
    the first 500 characters are read.
    """
    typed = typed.replace("\x00", " ")[:QUERY_MAX].encode("utf-8", "replace").decode("utf-8")
    if _WORD.search(typed) is None:
        return None
    # Which forms a word has, and how common it is, is learnt as tickets come in.
    return _read(typed, current_app.config["SEARCH_LANGUAGE"], frequencies.edition())


@lru_cache(maxsize=512)
def _read(typed: str, language: str, _edition: tuple[str, int]) -> Query | None:
    [(written,)] = reading.rows(_READ, typed=typed, unfinished=typed[-1].isalnum())
    words = parse(written)
    if words is None:
        return None
    if language != SIMPLE:
        words = with_forms(words, forms({word.lexeme for word in leaves(words)}, language))
    reference = _REFERENCE.fullmatch(typed)
    known = frequencies.current()
    indexed, _ = with_common_forms(words, known)
    # The planner takes any beginning for one that two percent of the tickets have, and would rather walk through all.
    begun = any(word.beginning for word in leaves(indexed))
    gathered = begun and known.most(indexed) * known.tickets <= _GATHERED_MOST
    return Query(words, indexed, gathered, int(reference[1]) if reference and int(reference[1]) <= BIGINT_MAX else None)


def matching(query: Query) -> ColumnElement[bool]:
    """The condition that a ticket matches.

    Title, description and messages are searched as one text. Notes are among
    them, so this is for the desk: whoever finds a ticket by a word learns that it
    is there. The weights tell the parts apart: A and B are the title and the
    description, C are replies and D are notes.
    """
    of = aliased(Ticket) if query.gathered else Ticket
    words: ColumnElement[bool] = of.search_vector.op("@@")(cast(literal(str(query.indexed)), TSQUERY))
    if query.gathered:
        words = Ticket.id == any_(func.array(select(of.id).where(words).scalar_subquery()))
    if query.ticket_id is None:
        return words
    return or_(Ticket.id == func.ticket_survivor(cast(query.ticket_id, BigInteger)), words)
