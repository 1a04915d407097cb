"""A desk of any size, the same in every run of a day: texts with the word frequencies of language, over three years."""

import itertools
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import psycopg

from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.models.ticket import FIRST_ID

SEED = 20_261
# Up to today, because a desk whose last ticket is long ago is another one.
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SPAN = timedelta(days=3 * 365)
WORDS = 30_000
TEXTS = 20_000
BATCH = 20_000
# The newest tickets are worked on. Of a small desk it is most, so that a filtered page is full at every size: growth is
# told by comparing pages, and four rows cost less than fifty.
WORKED_ON, WORKED_ON_LEAST = 0.03, 700

TICKET_COLUMNS = (
    "id, title, description, requester_name, requester_email,"
    " category, category_set_by, priority, priority_set_by, status, created_at, updated_at"
)
EVENT_COLUMNS = "ticket_id, kind, actor_kind, actor_label, data, created_at"


@dataclass(frozen=True, slots=True)
class Words:
    """What to search for, by how many tickets have it: one, one in twenty-five, one in a thousand, …"""

    rare: str
    common: str
    pair: str
    prefix: str
    phrase: str


def vocabulary() -> list[str]:
    """Pronounceable words, the most frequent first and shortest."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "is", "on")]
    choose = random.Random(SEED)
    words: dict[str, None] = {}
    while len(words) < WORDS:
        words["".join(choose.choices(syllables, k=1 + (len(words) > 100) + choose.randrange(3)))] = None
    return list(words)


@cache
def searched() -> Words:
    """Words whose frequencies follow from how `texts` draws them: the 12th word is in about every tenth text."""
    words = vocabulary()
    return Words(
        rare="token0000500",
        common=words[300],
        pair=f"{words[300]} {words[500]}",
        prefix=words[2000][:5],
        phrase=_phrase(words),
    )


def _phrase(words: list[str]) -> str:
    title, _ = texts(words)[17]
    return '"' + " ".join(title.split()[:2]) + '"'


def texts(words: list[str]) -> list[tuple[str, str]]:
    """Titles of four to eight words and descriptions of about sixty, drawn by Zipf's law."""
    choose = random.Random(SEED + 1)
    weights = list(itertools.accumulate(1 / (rank + 20) for rank in range(len(words))))
    made = []
    for _ in range(TEXTS):
        title = choose.choices(words, cum_weights=weights, k=choose.randrange(4, 9))
        length = min(400, max(12, int(choose.lognormvariate(4.0, 0.6))))
        made.append((" ".join(title), " ".join(choose.choices(words, cum_weights=weights, k=length))))
    return made


def lines(start: int, stop: int, count: int, pool: list[tuple[str, str]]) -> tuple[str, str]:
    """The tickets from one number to another of ``count``, and their events, as COPY reads them; oldest first.

    Each ticket has one word of its own, which a search finds it by. No value needs escaping.
    """
    choose = random.Random(SEED + 2 + start)
    categories, priorities, statuses = list(Category), list(Priority), list(Status)
    tickets, events = [], []
    done = count - max(WORKED_ON_LEAST, round(WORKED_ON * count))
    for number in range(start, stop):
        title, description = pool[choose.randrange(TEXTS)]
        created = END - SPAN + SPAN * (number / count)
        updated = created + timedelta(minutes=choose.randrange(60 * 24 * 4))
        (category,) = choose.choices(categories, (3, 4, 2, 2))
        (priority,) = choose.choices(priorities, (30, 45, 20, 5))
        (status,) = choose.choices(statuses, (1, 1, 18, 80) if number < done else (45, 30, 20, 5))
        customer = f"customer{choose.randrange(count // 3 + 1)}@example.com"
        tickets.append(
            f"{FIRST_ID + number}\t{title}\t{description} token{number:07}\tAda Lovelace\t{customer}"
            f"\t{category}\tlocal\t{priority}\tlocal\t{status}\t{created}\t{updated}\n"
        )
        said = {"category": category, "category_set_by": "local", "priority": priority, "priority_set_by": "local"}
        data = json.dumps(said | {"abstained": False})
        events.append(f"{FIRST_ID + number}\tticket.created\tcustomer\tCustomer\t{data}\t{created}\n")
    return "".join(tickets), "".join(events)


def fill(dsn: str, count: int, progress: Callable[[int], None]) -> None:
    """Write ``count`` tickets with an event each, through the same tables and triggers as all others.

    Two connections write, because the server's work is most of it. The index of
    words is made at the end, which takes a fraction of the time.
    """
    pool = texts(vocabulary())

    def write(start: int) -> int:
        stop = min(start + BATCH, count)
        tickets, events = lines(start, stop, count, pool)
        with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
            # Nothing of the bench has to outlive a crash.
            cursor.execute("SET synchronous_commit = off")
            with cursor.copy(f"COPY ticket ({TICKET_COLUMNS}) FROM STDIN".encode()) as copy:
                copy.write(tickets)
            with cursor.copy(f"COPY event ({EVENT_COLUMNS}) FROM STDIN".encode()) as copy:
                copy.write(events)
        return stop - start

    with psycopg.connect(dsn, autocommit=True) as connection, ThreadPoolExecutor(2) as writers:
        (search,) = connection.execute("SELECT pg_get_indexdef('ix_ticket_search'::regclass)").fetchone() or ("",)
        connection.execute("DROP INDEX ix_ticket_search")
        connection.execute("ALTER TABLE ticket SET (autovacuum_enabled = off)")
        for done in itertools.accumulate(writers.map(write, range(0, count, BATCH))):
            progress(done)
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(search.encode())
        connection.execute("SELECT setval(pg_get_serial_sequence('ticket', 'id'), %s)", [FIRST_ID + count])
        connection.execute("SELECT ticket_fold()")
        connection.execute("ALTER TABLE ticket RESET (autovacuum_enabled)")
        connection.execute("VACUUM (ANALYZE)")
