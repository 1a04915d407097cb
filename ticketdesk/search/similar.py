"""Finds earlier tickets that read like a text.

A text's telling words are those that few tickets have. How few is read from the
statistics that PostgreSQL keeps of the search index, so that nothing is counted
here, and words that no language misses ("the", "und", "para") are left out even
where there are no statistics yet.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

TEXT_MAX = 4_000
"""Characters of the text that are compared."""
WORDS_MAX = 40
MATCHES_MAX = 2_000
"""How many tickets the words chosen may be expected to match; the commoner words beyond are left out."""
RANKED_MAX = 500
"""How many of the tickets found are ranked, which means reading each; this bounds what a query costs."""

_TELLING_WORDS = text(
    """
    WITH common AS MATERIALIZED (
        SELECT unnest(most_common_elems::text::text[]) AS lexeme, unnest(most_common_elem_freqs) AS share
        FROM pg_stats
        WHERE schemaname = current_schema() AND tablename = 'ticket' AND attname = 'search_vector'
    ), word AS MATERIALIZED (
        SELECT lexeme, coalesce(common.share, (SELECT min(share) / 2 FROM common), 0) AS share
        FROM unnest(tsvector_to_array(to_tsvector('simple', ticketdesk_fold(:text)))) AS lexeme
        LEFT JOIN common USING (lexeme)
        WHERE length(lexeme) BETWEEN 3 AND 40 AND lexeme ~ '[^0-9.,:/-]'
            AND '{}' NOT IN (
                ts_lexize('english_stem', lexeme), ts_lexize('german_stem', lexeme), ts_lexize('spanish_stem', lexeme),
                ts_lexize('french_stem', lexeme), ts_lexize('portuguese_stem', lexeme)
            )
    )
    SELECT lexeme, sum(share) OVER (ORDER BY share, length(lexeme) DESC, lexeme) * (
        SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'ticket'::regclass
    ) AS matches
    FROM word
    ORDER BY share, length(lexeme) DESC, lexeme
    LIMIT :most
    """
)
# Step by step, because the planner would rather look at every ticket until it has found enough.
_CONFIRMED = text(
    """
    WITH matching AS MATERIALIZED (
        SELECT id FROM ticket WHERE search_vector @@ CAST(:query AS tsquery) AND id <> :exclude
    ), newest AS MATERIALIZED (
        SELECT ticket_id AS id, confirmation.category, confirmation.priority
        FROM confirmation JOIN matching ON matching.id = confirmation.ticket_id
        ORDER BY ticket_id DESC
        LIMIT :ranked
    )
    SELECT ticket.title, ticket.description, ticket.requester_name, newest.category, newest.priority
    FROM newest JOIN ticket USING (id)
    ORDER BY ts_rank(ticket.search_vector, CAST(:query AS tsquery), 1) DESC, id DESC
    LIMIT :most
    """
)


def similar_confirmed(
    connection: Connection, words: str, *, most: int, exclude_ticket_id: int | None = None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The ``most`` similar tickets that staff have decided something about, the nearest first.

    Each row has ``title``, ``description``, ``requester_name``, and the decided
    ``category`` and ``priority``, either of which may be null.
    """
    query = _any_of(_telling_words(connection, words[:TEXT_MAX]))
    if not query:
        return []
    bounds = {"query": query, "exclude": exclude_ticket_id or 0, "ranked": RANKED_MAX, "most": most}
    return connection.execute(_CONFIRMED, bounds).all()


def _telling_words(connection: Connection, words: str) -> list[str]:
    """The words to look for, the rarest first; the rarest is always among them."""
    rows = connection.execute(_TELLING_WORDS, {"text": words, "most": WORDS_MAX}).all()
    return [row.lexeme for place, row in enumerate(rows) if place == 0 or row.matches <= MATCHES_MAX]


def _any_of(lexemes: Sequence[str]) -> str:
    """The text form of a tsquery for any of the lexemes."""
    quoted = (lexeme.replace("\\", "\\\\").replace("'", "''") for lexeme in lexemes)
    return " | ".join(f"'{lexeme}'" for lexeme in quoted)
