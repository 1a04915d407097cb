"""What is said on demo tickets after they came in: questions, answers, notes, and words with a rating.

A file under ``conversations`` holds one language; the first of them says how it is written.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from random import Random

from ticketdesk.core.actors import CUSTOMER, Actor
from ticketdesk.core.vocabulary import Category
from ticketdesk.demo.languages import ENGLISH, LANGUAGES, Language
from ticketdesk.demo.texts import Requester
from ticketdesk.models import Channel, MessageKind

FOLDER = Path(__file__).parent / "conversations"
BY_MAIL = 0.4
"""The share of those with an address who answer by mail."""

Sections = dict[tuple[str, Category | None], list[str]]


class Purpose(StrEnum):
    """What a message is for."""

    TAKE = "take"
    ASK = "ask"
    TELL = "tell"
    MORE = "more"
    SOLVE = "solve"
    AGAIN = "again"
    CLOSE = "close"
    NOTE = "note"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Said:
    """A message, as the table of messages holds it."""

    at: datetime
    actor: Actor
    kind: MessageKind
    channel: Channel
    body: str


def by_agent(
    purpose: Purpose,
    at: datetime,
    agent: Actor,
    requester: Requester,
    language: Language,
    category: Category,
    rng: Random,
) -> Said:
    """What an agent writes to the requester, with a greeting and a name below."""
    sections = _sections(language)
    name = (requester.name or "").partition(" ")[0]
    hello = rng.choice(sections["hello" if name else "nameless", None]).format(name=name)
    sign = rng.choice(sections["sign", None]).format(agent=agent.label.partition(" ")[0])
    body = f"{hello}\n\n{phrase(purpose, language, rng, category)}\n\n{sign}"
    return Said(at, agent, MessageKind.REPLY, Channel.STAFF, body)


def by_requester(
    purpose: Purpose, at: datetime, requester: Requester, language: Language, category: Category, rng: Random
) -> Said:
    """What the requester writes."""
    mails = requester.email is not None and rng.random() < BY_MAIL
    channel = Channel.MAIL if mails else Channel.PORTAL
    return Said(at, CUSTOMER, MessageKind.REPLY, channel, phrase(purpose, language, rng, category))


def note(at: datetime, agent: Actor, category: Category, rng: Random) -> Said:
    """What an agent leaves for the others."""
    return Said(at, agent, MessageKind.NOTE, Channel.STAFF, phrase(Purpose.NOTE, ENGLISH, rng, category))


def phrase(purpose: Purpose, language: Language, rng: Random, category: Category | None = None) -> str:
    """One of the texts for this purpose, if possible one for the category."""
    sections = _sections(language)
    return rng.choice(sections.get((purpose, category)) or sections[purpose, None])


def _sections(language: Language) -> Sections:
    return _read()[id(language)]


@cache
def _read() -> dict[int, Sections]:
    """The sections of all files; the languages are known by their ids, because their hashes take long to make."""
    return {id(language): read_sections(code) for code, language in LANGUAGES.items()}


def read_sections(code: str) -> Sections:
    """The texts of one language, by what they are for and the category they are about, if they are."""
    found: Sections = {}
    texts: list[str] = []
    for block in (FOLDER / f"{code}.txt").read_text().split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines and lines[0].startswith("["):
            purpose, _, category = lines.pop(0).strip("[]").partition(" ")
            texts = found.setdefault((purpose, Category(category) if category else None), [])
        if lines:
            texts.append(" ".join(lines).replace("\\n ", "\n").replace("\\n", "\n"))
    return found
