"""Shows a remote engine how this desk decides: the similar tickets that staff have decided about."""

from sqlalchemy import Engine, text

from ticketdesk.ai.contract import Precedent, Question, text_of
from ticketdesk.ai.redact import redact
from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.search.similar import similar_confirmed

PRECEDENTS_MAX = 6
TEXT_MAX = 300
"""Characters of each precedent that are sent; more would cost more than it teaches."""

_READ = 600
# What stands shortly before the place where a text was cut may be half a card number, which nothing knows for one.
_UNSURE = 100

# A desk whose search is slow today asks without precedents rather than late.
_SOON = text("SELECT set_config('statement_timeout', '250', true)")


def precedents(database: Engine, question: Question, *, redacting: bool) -> list[Precedent]:
    """What staff decided about the tickets most similar to the question, the nearest first; never the ticket itself.

    Raises:
        SQLAlchemyError: the database does not answer, or not soon.
    """
    with database.begin() as connection:
        connection.execute(_SOON)
        rows = similar_confirmed(connection, question.text, most=PRECEDENTS_MAX, exclude_ticket_id=question.ticket_id)
    return [
        Precedent(
            excerpt(text_of(row.title, row.description), row.requester_name, redacting=redacting),
            Category(row.category) if row.category else None,
            Priority(row.priority) if row.priority else None,
        )
        for row in rows
    ]


def excerpt(whole: str, name: str | None, *, redacting: bool) -> str:
    """The beginning of a text as it may leave the house; ``name`` is its writer's."""
    beginning = whole[:_READ]
    if redacting:
        beginning = redact(beginning, name)
        if len(whole) > _READ:
            beginning = beginning[:-_UNSURE]
    return beginning if len(beginning) <= TEXT_MAX else f"{beginning[: TEXT_MAX - 1]}…"
