"""What demo customers write: scenarios from files, filled with names, dates, amounts and the like.

A file under ``scenarios`` holds one language. Its sections name the category and
the priority that an attentive agent would give to the tickets in it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from string import Formatter

from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.demo.languages import LANGUAGES, Language, address_part

FOLDER = Path(__file__).parent / "scenarios"

GREETED, SIGNED = 0.35, 0.3
"""The shares of short texts with a greeting above and a name below."""
NAMELESS, NOBODY = 0.08, 0.06
"""The shares of requesters who leave an address alone, and nothing at all."""
REGULARS, RETURNING = 400, 0.2
"""How many of the last requesters of a language may come back, and the share of tickets from such."""

_WORD_OR_SLOT = re.compile(r"\{\w+\}|([^\W\d_]{6,20})")
_DOMAINS = ("example.com", "example.com", "example.net", "example.org")  # reserved by RFC 2606
_PRODUCTS = ("Lumo S2", "Alto 40", "Nordkap Pro", "Fjord Mini", "Vela Max", "Kite 3", "Orbit Hub", "Terra One")
_COMPANIES = (
    *("Northfield Ltd", "Brightwater Co", "Juniper & Sons", "Lindqvist AB", "Marlow Books", "Okapi Logistics"),
    *("Pinegrove Dental", "Quarry Coffee", "Seabright Hotels", "Tandem Cycles"),
)
_DEVICES = ("iPhone 15", "iPhone SE", "Galaxy S24", "Pixel 8", "iPad", "MacBook Air", "ThinkPad", "Surface")

_SLOTS: dict[str, Callable[[Random, Language, datetime], str]] = {
    "amount": lambda rng, language, at: language.money.format(rng.randint(4, 480), rng.choice((0, 49, 50, 90, 95, 99))),
    "browser": lambda rng, language, at: rng.choice(("Chrome", "Firefox", "Safari", "Edge")),
    "city": lambda rng, language, at: rng.choice(language.cities),
    "code": lambda rng, language, at: f"E-{rng.randint(1001, 9899)}",
    "company": lambda rng, language, at: rng.choice(_COMPANIES),
    "big": lambda rng, language, at: str(rng.randint(12, 180) * 20),
    "date": lambda rng, language, at: language.date(at - timedelta(days=rng.randint(1, 16))),
    "device": lambda rng, language, at: rng.choice(_DEVICES),
    "invoice": lambda rng, language, at: f"INV-{at.year}-{rng.randint(1, 99_999):05}",
    "me": lambda rng, language, at: f"{rng.choice(language.first_names)} {rng.choice(language.last_names)}",
    "month": lambda rng, language, at: language.month(at - timedelta(days=30)),
    "next_month": lambda rng, language, at: language.month(at + timedelta(days=30)),
    "n": lambda rng, language, at: str(rng.randint(3, 48)),
    "order": lambda rng, language, at: str(rng.randint(210_000, 989_999)),
    "person": lambda rng, language, at: f"{rng.choice(language.first_names)} {rng.choice(language.last_names)}",
    "plan": lambda rng, language, at: rng.choice(("Starter", "Team", "Business", "Plus")),
    "product": lambda rng, language, at: rng.choice(_PRODUCTS),
    "screen": lambda rng, language, at: rng.choice(("Orders", "Reports", "Inventory", "Contacts", "Team", "Billing")),
    "time": lambda rng, language, at: f"{rng.randint(6, 11):02}:{rng.randint(0, 11) * 5:02}",
    "version": lambda rng, language, at: f"{rng.randint(3, 6)}.{rng.randint(0, 14)}.{rng.randint(0, 4)}",
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that customers write about, and what it rightly is.

    ``words`` are the title's longest, which an engine would name as what spoke for its proposal.
    """

    language: Language
    category: Category
    priority: Priority
    title: str
    description: str
    slots: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def is_letter(self) -> bool:
        """Whether the description brings its own greeting and signature."""
        return "\n" in self.description


@dataclass(frozen=True, slots=True)
class Requester:
    """A demo customer; nobody real, and at addresses that are nobody's."""

    name: str | None
    email: str | None


class People:
    """Demo customers, some of whom come back."""

    def __init__(self, rng: Random, tickets: int) -> None:
        """``tickets`` is how many tickets there will be: a larger desk has more namesakes."""
        self._rng = rng
        self._namesakes = max(1, tickets // 5_000)
        self._regulars: dict[int, list[Requester]] = {}

    def somebody(self, language: Language) -> Requester:
        """A customer who writes in the language."""
        rng, regulars = self._rng, self._regulars.setdefault(id(language), [])
        roll = rng.random()
        if regulars and roll < RETURNING:
            return rng.choice(regulars)
        if roll > 1 - NOBODY:
            return Requester(None, None)
        first, last = rng.choice(language.first_names), rng.choice(language.last_names)
        number = rng.randrange(self._namesakes) or ""
        email = f"{address_part(first)}.{address_part(last)}{number}@{rng.choice(_DOMAINS)}"
        requester = Requester(f"{first} {last}" if roll < 1 - NOBODY - NAMELESS else None, email)
        if len(regulars) < REGULARS:
            regulars.append(requester)
        else:
            regulars[rng.randrange(REGULARS)] = requester
        return requester


def read_scenarios() -> list[Scenario]:
    """All scenarios, in a fixed order.

    Raises:
        ValueError: a file is not written as the first one says.
    """
    return [scenario for code in LANGUAGES for scenario in _parse((FOLDER / f"{code}.txt").read_text(), code)]


def compose(scenario: Scenario, requester: Requester, at: datetime, rng: Random) -> tuple[str, str]:
    """A title and a description as the requester would have written them at that moment."""
    language = scenario.language
    values = {slot: _SLOTS[slot](rng, language, at) for slot in scenario.slots}
    if requester.name is not None:
        values["me"] = requester.name
    title, description = scenario.title.format_map(values), scenario.description.format_map(values)
    if not scenario.is_letter:
        if rng.random() < GREETED:
            description = f"{rng.choice(language.greetings)}\n\n{description}"
        if requester.name is not None and rng.random() < SIGNED:
            description = f"{description}\n\n{rng.choice(language.closings)}\n{requester.name}"
    return title, description


def _parse(text: str, code: str) -> Iterator[Scenario]:
    category = priority = None
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines and lines[0].startswith("["):
            words = lines.pop(0).strip("[]").split()
            category, priority = Category(words[0]), Priority(words[1])
        if not lines:
            continue
        title, description = lines[0], " ".join(lines[1:]).replace("\\n", "\n")
        slots = sorted({slot for _, slot, _, _ in Formatter().parse(title + description) if slot is not None})
        if category is None or priority is None or not description or not _SLOTS.keys() >= set(slots):
            raise ValueError(f"{code}.txt: {title!r} has no section, no description, or an unknown word in braces")
        words = sorted(filter(None, _WORD_OR_SLOT.findall(title.lower())), key=len, reverse=True)[:3]
        yield Scenario(LANGUAGES[code], category, priority, title, description, tuple(slots), tuple(words))
