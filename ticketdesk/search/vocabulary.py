"""The words of the desk: learnt from what comes in, and asked for those that are like another.

Internal notes are not read, nor what is in the trash. Words with digits or
punctuation in them are left out: of numbers and addresses each is its own.
"""

from collections.abc import Iterable, Iterator, Mapping

from flask import current_app
from sqlalchemy import text

from config import SEARCH_LANGUAGES
from ticketdesk import reading
from ticketdesk.extensions import db
from ticketdesk.jobs.queue import queue, task
from ticketdesk.models.search_word import WORD_MAX
from ticketdesk.reading import Statement

BATCH = 10_000
"""Tickets, and as many messages, that are read at once; 10,000 take one to four seconds."""
BATCHES_A_RUN = 5
FORMS_MAX = 20
"""How many forms of a word are looked for, the most frequent ones."""
_ALIKE_MAX = 1_500
"""How many words of each length a mistyped one is compared with, the most frequent ones."""

SIMPLE = "simple"
"""The language that has no endings."""

# A and B are the title and the description; replies are read as messages, and notes never.
_LEARN = """
    WITH texts AS (
        SELECT lexeme FROM ticket, unnest(ts_filter(search_vector, '{{a,b}}'))
        WHERE ticket.id > :ticket_id AND ticket.id <= :last_ticket AND gone_at IS NULL
        UNION ALL
        SELECT lexeme FROM message, unnest(to_tsvector('simple', ticketdesk_fold(body)))
        WHERE message.id > :message_id AND message.id <= :last_message AND kind = 'reply'
    )
    INSERT INTO search_word (word, texts, stem)
    SELECT lexeme, count(*), {stem} FROM texts
    WHERE length(lexeme) BETWEEN 3 AND :longest AND lexeme !~ '[[:digit:][:punct:]]' GROUP BY lexeme ORDER BY lexeme
    ON CONFLICT (word) DO UPDATE SET texts = search_word.texts + excluded.texts, stem = excluded.stem
"""
_NEXT = """
    SELECT ticket_id, message_id,
        (SELECT max(id) FROM (SELECT id FROM ticket WHERE id > read.ticket_id ORDER BY id LIMIT :most) AS next)
            AS last_ticket,
        (SELECT max(id) FROM (SELECT id FROM message WHERE id > read.message_id ORDER BY id LIMIT :most) AS next)
            AS last_message
    FROM search_progress AS read
    FOR UPDATE
"""

_FORMS = Statement(
    b"""
    SELECT asked.word, ARRAY (
        SELECT word FROM search_word WHERE stem = (ts_lexize(%(stemmer)s::regdictionary, asked.word))[1]
        ORDER BY texts DESC LIMIT %(most)s
    )
    FROM unnest(%(words)s::text[]) AS asked (word)
    WHERE EXISTS (SELECT FROM search_progress WHERE language = %(language)s)
    """,
    {},
    plan_for_values=False,
)
_ALIKE = Statement(
    b"""
    SELECT alike.word, alike.texts FROM generate_series(%(length)s - 2, %(length)s + 2) AS letters, LATERAL (
        SELECT word, texts FROM search_word WHERE char_length(word) = letters ORDER BY texts DESC LIMIT %(most)s
    ) AS alike
    """,
    {},
    plan_for_values=False,
)


@queue.periodic(cron="* * * * *")
@task("search.learn_words")
def learn_regularly(timestamp: int) -> None:
    """Read what has come in; a desk that begins with a million tickets has read them in twenty minutes."""
    language = current_app.config["SEARCH_LANGUAGE"]
    if stored_language() is None:
        start_anew(language)
    for _ in range(BATCHES_A_RUN):
        if not learn():
            break


def start_anew(language: str) -> None:
    """Forget all words, to be read for a language."""
    db.session.execute(text("LOCK TABLE search_progress, search_word IN EXCLUSIVE MODE"))
    db.session.execute(text("DELETE FROM search_word"))
    db.session.execute(text("DELETE FROM search_progress"))
    db.session.execute(text("INSERT INTO search_progress VALUES (:language, 0, 0)"), {"language": language})


def learn() -> int:
    """Read the next tickets and messages; how many ids were passed, 0 where all is read."""
    row = db.session.execute(text(_NEXT), {"most": BATCH}).one()
    place = {
        "ticket_id": row.ticket_id,
        "message_id": row.message_id,
        "last_ticket": row.last_ticket or row.ticket_id,
        "last_message": row.last_message or row.message_id,
    }
    passed: int = place["last_ticket"] + place["last_message"] - row.ticket_id - row.message_id
    if passed:
        language = stored_language() or SIMPLE
        stem = "NULL" if language == SIMPLE else f"(ts_lexize('{stemmer(language)}', lexeme))[1]"
        db.session.execute(text(_LEARN.format(stem=stem)), place | {"longest": WORD_MAX})
        db.session.execute(
            text("UPDATE search_progress SET ticket_id = :last_ticket, message_id = :last_message"), place
        )
    return passed


def rebuild(language: str) -> Iterator[int]:
    """Read all words anew for a language; how many ids were passed, a batch at a time, each to be committed."""
    start_anew(language)
    yield 0
    while passed := learn():
        yield passed


def last_ids() -> int:
    """How many ids there are to pass when all is read anew."""
    return (
        db.session.scalar(
            text("SELECT coalesce((SELECT max(id) FROM ticket), 0) + coalesce((SELECT max(id) FROM message), 0)")
        )
        or 0
    )


def stored_language() -> str | None:
    """The language that the words were read for, None where none were read yet."""
    language: str | None = db.session.scalar(text("SELECT language FROM search_progress"))
    return language


def stemmer(language: str) -> str:
    """The dictionary of PostgreSQL's that takes the endings off the words of a language."""
    if language not in SEARCH_LANGUAGES:
        raise ValueError(language)
    return f"{language}_stem"


def forms(lexemes: Iterable[str], language: str) -> Mapping[str, list[str]]:
    """The words that differ from each only by their endings; none until the words were read for the language."""
    asked = {"words": list(lexemes), "language": language, "stemmer": stemmer(language), "most": FORMS_MAX}
    return dict(reading.rows(_FORMS, **asked))


def alike(word: str) -> list[str]:
    """Words that one may have been meant to be, the nearest and of these the most frequent first.

    One letter may be left out, added, another one, or have changed places with
    the next; in words of more than five letters, two.
    """
    texts: dict[str, int] = dict(reading.rows(_ALIKE, length=len(word), most=_ALIKE_MAX))
    # Here, because most processes never meet a mistyped word, and this takes 3 MB.
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    found = process.extract(word, list(texts), scorer=OSA.distance, score_cutoff=1 if len(word) <= 5 else 2, limit=50)
    return [near for near, _, _ in sorted(found, key=lambda each: (each[1], -texts[each[0]])) if near != word]
