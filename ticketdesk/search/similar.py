"""Finds tickets that read like a text, or like another ticket.

A text's telling words are those that few tickets have. How few is read from the
statistics that PostgreSQL keeps of the search index, so that nothing is counted
here, and words that no language misses ("the", "und", "para") are left out even
where there are no statistics yet.

Candidates come from the index; only so many of them are looked at, the newest first,
that finding takes as long on a desk of a million tickets as on a small one.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from ticketdesk.search.lexemes import STEM, TELLS

TEXT_MAX = 4_000
"""Characters of the text that are compared."""
WORDS_MAX = 40
MATCHES_MAX = 2_000
"""How many tickets the words chosen may be expected to match; the commoner words beyond are left out."""
RAREST_MATCHES_MAX = 5_000
"""The same for a ticket's rarest word."""
RANKED_MAX = 500
"""How many of the tickets found are ranked, which means reading each; this bounds what a query costs."""
NEIGHBOURS_MAX = 500
"""How many of the tickets opened shortly before another are compared with it, and as many of those after it."""
SHARED_SHOWN = 5

_TITLE_WORTH = 1.5
"""A word in a title says more of what a ticket is about than one below it."""
_RECENCY_HOURS = 3.0
"""Hours between two tickets after which half of what being close in time is worth is gone."""
_LEAST_ALIKE = 0.08
_PREFIX_MIN = 4
"""Letters a stem must have before words are found by how they begin."""

_COMMON = """
    SELECT unnest(most_common_elems::text::text[]) AS lexeme, unnest(most_common_elem_freqs) AS share
    FROM pg_stats
    WHERE schemaname = current_schema() AND tablename = 'ticket' AND attname = 'search_vector'
"""
_ALL_TICKETS = "(SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'ticket'::regclass)"

_TELLING_WORDS = text(
    f"""
    WITH common AS MATERIALIZED ({_COMMON}), word AS MATERIALIZED (
        SELECT lexeme, coalesce(common.share, (SELECT min(share) / 2 FROM common), 0) AS share
        FROM unnest(tsvector_to_array(to_tsvector('simple', ticketdesk_fold(:text)))) AS lexeme
        LEFT JOIN common USING (lexeme)
        WHERE {TELLS}
    )
    SELECT lexeme, sum(share) OVER (ORDER BY share, length(lexeme) DESC, lexeme) * {_ALL_TICKETS} AS matches
    FROM word
    ORDER BY share, length(lexeme) DESC, lexeme
    LIMIT :most
    """  # noqa: S608  (put together from constants)
)
# Step by step, because the planner would rather look at every ticket until it has found enough.
_CONFIRMED = text(
    """
    WITH matching AS MATERIALIZED (
        SELECT id FROM ticket
        WHERE search_vector @@ CAST(:query AS tsquery) AND id <> :exclude AND gone_at IS NULL
    ), newest AS MATERIALIZED (
        SELECT ticket_id AS id, confirmation.category, confirmation.priority
        FROM confirmation JOIN matching ON matching.id = confirmation.ticket_id
        WHERE num_nonnulls(confirmation.category, confirmation.priority) > 0
        ORDER BY ticket_id DESC
        LIMIT :ranked
    )
    SELECT ticket.title, ticket.description, ticket.requester_name, newest.category, newest.priority
    FROM newest JOIN ticket USING (id)
    ORDER BY ts_rank(ticket.search_vector, CAST(:query AS tsquery), 1) DESC, id DESC
    LIMIT :most
    """
)
# No lexeme has a blank in it.
_TITLE_MARK = " "
# What is said on a ticket later, which has the weights C and D, is not what it is about.
_WORDS_OF = text(
    f"""
    WITH common AS MATERIALIZED (
        SELECT {STEM} AS stem, least(sum(share), 1) AS share FROM ({_COMMON}) AS lexemes GROUP BY 1
    ), word AS MATERIALIZED (
        SELECT {STEM} AS stem, array_agg(lexeme) AS lexemes, bool_or('A' = ANY (weights)) AS in_title
        FROM ticket, unnest(ts_filter(search_vector, '{{a,b}}'))
        WHERE ticket.id = :id AND {TELLS}
        GROUP BY 1
    ), rated AS MATERIALIZED (
        SELECT word.*, coalesce(common.share, (SELECT min(share) / 2 FROM common), 0) AS share
        FROM word LEFT JOIN common USING (stem)
        ORDER BY in_title DESC, share
        LIMIT :most
    )
    SELECT stem, lexemes, in_title, share, sum(share) OVER (ORDER BY share, stem) * {_ALL_TICKETS} AS matches,
        (SELECT length(ts_filter(search_vector, '{{a,b}}')) FROM ticket WHERE id = :id) AS words
    FROM rated
    ORDER BY share, stem
    """  # noqa: S608  (put together from constants)
)
_CANDIDATES = text(
    f"""
    WITH this AS MATERIALIZED (
        SELECT id, created_at FROM ticket WHERE id = :id
    ), matching AS MATERIALIZED (
        SELECT id FROM ticket
        WHERE search_vector @@ CAST(:query AS tsquery) AND id <> :id AND gone_at IS NULL
    ), candidate AS MATERIALIZED (
        (SELECT id FROM matching ORDER BY id DESC LIMIT :ranked)
        UNION
        (SELECT ticket.id FROM this, LATERAL (
            SELECT id FROM ticket WHERE (created_at, id) < (this.created_at, this.id) AND gone_at IS NULL
            ORDER BY created_at DESC, id DESC LIMIT :neighbours
        ) AS ticket)
        UNION
        (SELECT ticket.id FROM this, LATERAL (
            SELECT id FROM ticket WHERE (created_at, id) > (this.created_at, this.id) AND gone_at IS NULL
            ORDER BY created_at, id LIMIT :neighbours
        ) AS ticket)
    )
    SELECT ticket.id, abs(extract(epoch FROM ticket.created_at - this.created_at))::float8 / 3600 AS hours,
        length(vector) AS words,
        ARRAY (
            SELECT {STEM} || CASE WHEN 'A' = ANY (weights) THEN '{_TITLE_MARK}' ELSE '' END FROM unnest(vector)
            WHERE left(lexeme, 3) = ANY (:heads) AND {STEM} = ANY (:stems)
        ) AS stems
    FROM this, candidate JOIN ticket USING (id), ts_filter(ticket.search_vector, '{{a,b}}') AS vector
    """  # noqa: S608  (put together from constants)
)


class Word(NamedTuple):
    """A telling word of a ticket: its stem, how it is written there, and the share of all tickets that have it.

    The share is 0 for every word where nothing is known of any.
    """

    stem: str
    written: str
    in_title: bool
    share: float


class Candidate(NamedTuple):
    """A ticket that may be similar: hours to the other one, how many words it has, and which of them are shared."""

    ticket_id: int
    hours: float
    words: int
    stems: frozenset[str]
    in_title: frozenset[str]

    @classmethod
    def of(cls, row: Row[*tuple[Any, ...]]) -> "Candidate":
        """The candidate of a row of the query above."""
        stems = frozenset(stem.rstrip(_TITLE_MARK) for stem in row.stems)
        in_title = frozenset(stem.rstrip(_TITLE_MARK) for stem in row.stems if stem.endswith(_TITLE_MARK))
        return cls(row.id, row.hours, row.words, stems, in_title)


@dataclass(frozen=True, slots=True)
class Similar:
    """A ticket that reads like another one.

    ``score`` is 1 for the same words at the same time, and half as much for the
    same words long ago. ``shared_words`` are folded, the most telling first.
    """

    ticket_id: int
    score: float
    shared_words: tuple[str, ...]


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


def similar_tickets(connection: Connection, ticket_id: int, *, most: int) -> list[Similar]:
    """The ``most`` tickets that read most like this one, the nearest first; fewer where few do.

    Those that share its rarest words, and those opened shortly before and after it.
    """
    rows = connection.execute(_WORDS_OF, {"id": ticket_id, "most": WORDS_MAX}).all()
    if not rows:
        return []
    words = [Word(row.stem, min(row.lexemes, key=len), row.in_title, row.share) for row in rows]
    # Of words that very many have, those who have them too are among the neighbours.
    rare = [row for place, row in enumerate(rows) if row.matches <= (MATCHES_MAX if place else RAREST_MATCHES_MAX)]
    found = connection.execute(
        _CANDIDATES,
        {
            "id": ticket_id,
            "query": " | ".join(_beginnings(row.stem, row.lexemes) for row in rare),
            "ranked": RANKED_MAX,
            "neighbours": NEIGHBOURS_MAX,
            "stems": [word.stem for word in words],
            "heads": list({word.stem[:3] for word in words} | {word.written[:3] for word in words}),
        },
    ).all()
    return rank(words, rows[0].words, [Candidate.of(row) for row in found])[:most]


def rank(words: Sequence[Word], length: int, candidates: Sequence[Candidate]) -> list[Similar]:
    """The candidates that are alike enough to a ticket of ``length`` words with these among them, the nearest first.

    The cosine of the two, nearly: shared words by how rare they are, over the length
    of the candidate, which is longer words and all. A word that is said more often than
    usual in the hours around is worth more, as is being close in time.
    """
    around = [candidate for candidate in candidates if candidate.hours <= 1]
    heard = Counter(stem for candidate in around for stem in candidate.stems)
    worth = {}
    for word in words:
        rarity = math.log(1 / word.share) if word.share else 1.0
        unusual = max((heard[word.stem] + 1) / (len(around) * word.share + 1), 1.0)
        worth[word.stem] = unusual * rarity**2 * (_TITLE_WORTH if word.in_title else 1.0)
    whole = sum(worth[word.stem] * (_TITLE_WORTH if word.in_title else 1.0) for word in words)
    written = {word.stem: word.written for word in words}
    ranked = []
    for each in candidates:
        parts = {stem: worth[stem] * (_TITLE_WORTH if stem in each.in_title else 1.0) for stem in each.stems}
        alike = min(sum(parts.values()) / whole * math.sqrt(length / max(each.words, 1)), 1.0) if whole else 0.0
        if alike >= _LEAST_ALIKE:
            near = 1 / (1 + each.hours / _RECENCY_HOURS)
            telling = sorted(parts, key=lambda stem: (-parts[stem], stem))[:SHARED_SHOWN]
            ranked.append(
                Similar(each.ticket_id, round(alike * (1 + near) / 2, 3), tuple(written[stem] for stem in telling))
            )
    return sorted(ranked, key=lambda similar: (-similar.score, -similar.ticket_id))


def _telling_words(connection: Connection, words: str) -> list[str]:
    """The words to look for, the rarest first; the rarest is always among them."""
    rows = connection.execute(_TELLING_WORDS, {"text": words, "most": WORDS_MAX}).all()
    return [row.lexeme for place, row in enumerate(rows) if place == 0 or row.matches <= MATCHES_MAX]


def _beginnings(stem: str, lexemes: Sequence[str]) -> str:
    """The part of a tsquery for a word in all its forms, or in its own where these begin in another way."""
    if len(stem) >= _PREFIX_MIN and all(lexeme.startswith(stem) for lexeme in lexemes):
        return f"{_any_of([stem])}:*"
    return _any_of(lexemes)


def _any_of(lexemes: Sequence[str]) -> str:
    """The text form of a tsquery for any of the lexemes."""
    quoted = (lexeme.replace("\\", "\\\\").replace("'", "''") for lexeme in lexemes)
    return " | ".join(f"'{lexeme}'" for lexeme in quoted)
