"""Gives a remote engine's answer again when the same text comes soon: free tiers allow few calls a day.

People press a button twice, forms ask while they are typed and again when they
are sent, and monitoring writes the same ticket every few minutes.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from ticketdesk.ai import prompt
from ticketdesk.ai.contract import Verdict

GOOD_FOR = timedelta(hours=1)

_EARLIER = text("SELECT answer FROM ai_earlier_answer WHERE key = :key AND answered_at > :since")
_KEEP = text(
    """
    INSERT INTO ai_earlier_answer (key, answer, answered_at) VALUES (:key, :answer, :now)
    ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, answered_at = excluded.answered_at
    """
)


def key_of(engine: str, model: str, text: str) -> str:
    """What an answer is found by: the engine, the model and the text as it leaves the house, hashed."""
    return hashlib.sha256("\x00".join((engine, model, text)).encode("utf-8", "surrogatepass")).hexdigest()


def earlier_answer(connection: Connection, key: str, now: datetime) -> Verdict | None:
    """What was answered within the last hour."""
    answer = connection.execute(_EARLIER, {"key": key, "since": now - GOOD_FOR}).scalar()
    return None if answer is None else prompt.parse(answer)


def keep(connection: Connection, key: str, verdict: Verdict, now: datetime) -> None:
    """Keep an answer; the hourly sweep forgets it."""
    connection.execute(_KEEP, {"key": key, "answer": prompt.write(verdict), "now": now})
