"""Reading what someone typed into a search box."""

import re

from sqlalchemy import BigInteger, ColumnElement, Text, cast, func, literal, or_, text
from sqlalchemy.dialects.postgresql import TSQUERY

from ticketdesk.models import Ticket
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.models.ticket import REFERENCE_PREFIX

QUERY_MAX = 500

_WORD = re.compile(r"\w")
_REFERENCE = re.compile(rf"\s*{REFERENCE_PREFIX}(\d{{1,19}})\s*", re.IGNORECASE | re.ASCII)


def matching(typed: str) -> ColumnElement[bool] | None:
    """The condition that a ticket matches what was typed, or None where that holds no word.

    Title, description and messages are searched as one text. Notes are among
    them, so this is for the desk: whoever finds a ticket by a word learns that it
    is there. The weights tell the parts apart: A and B are the title and the
    description, C are replies and D are notes.

    Words must all occur; ``"…"`` is a phrase, ``or`` and ``-`` work as in a web
    search, and the last word also counts as a beginning. Case and accents do not
    matter. A reference such as TD-1042 also finds that ticket itself, or the one
    that it was merged into.
    Only the first 500 characters are read.
    """
    typed = typed.replace("\x00", " ")[:QUERY_MAX].encode("utf-8", "replace").decode("utf-8")
    if _WORD.search(typed) is None:
        return None
    words = Ticket.search_vector.op("@@")(_tsquery(typed))
    reference = _REFERENCE.fullmatch(typed)
    if reference and int(reference[1]) <= BIGINT_MAX:
        return or_(Ticket.id == func.ticket_survivor(cast(int(reference[1]), BigInteger)), words)
    return words


def _tsquery(typed: str) -> ColumnElement[str]:
    query = func.websearch_to_tsquery(text("'simple'"), func.ticketdesk_fold(literal(typed)), type_=TSQUERY)
    if not typed[-1].isalnum():
        return query
    # The last word is still being typed: its lexeme ends the query's text form, but for the brackets that
    # `-e-mail` brings along, and `:*` makes it a prefix. A query of stop characters alone stays empty.
    return cast(func.regexp_replace(cast(query, Text), r"'([ )]*)$", r"':*\1"), TSQUERY)
