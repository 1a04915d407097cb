"""The lives of demo tickets: how each came in, what was proposed for it, and what agents did with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from ticketdesk.core.actors import CUSTOMER, SYSTEM, Actor, ActorKind
from ticketdesk.core.vocabulary import DEFAULT_CATEGORY, DEFAULT_PRIORITY, Category, Priority, SetBy, Status
from ticketdesk.demo.hours import arrivals, at_desk
from ticketdesk.demo.texts import People, Requester, Scenario, compose, read_scenarios
from ticketdesk.models import EventKind, Occasion
from ticketdesk.tickets.workflow import DONE

# Agents and programs are names in the history only: a demo makes no account that somebody could sign in to.
AGENTS = tuple(
    Actor(ActorKind.STAFF, None, name)
    for name in ("Maya Lindgren", "Tom Okonkwo", "Priya Raman", "Jonas Weber", "Lucía Ferrer")
)
PROGRAMS = tuple(Actor(ActorKind.TOKEN, None, name) for name in ("Web shop", "Mobile app", "Order hotline"))

# Shares of one.
PROPOSED_ON_FORM, UNPROPOSED_ON_FORM, PROPOSED_TO_API, UNPROPOSED_TO_API = 0.68, 0.08, 0.13, 0.06  # the rest: by a job
CATEGORY_RIGHT, PRIORITY_RIGHT = 0.95, 0.92
WRONG_TURNED_DOWN, RIGHT_OVERSTATED = 0.5, 0.02
CORRECTED = 0.85
FORGOTTEN, TURNED_AWAY, AT_ONCE, STUCK, HANDED_ON, REOPENED, LEFT_RESOLVED = 0.03, 0.03, 0.1, 0.04, 0.15, 0.06, 0.06

# Median hours until an agent looks at a ticket, and from there until it is resolved.
_LOOK = {Priority.CRITICAL: 0.3, Priority.HIGH: 4, Priority.MEDIUM: 26, Priority.LOW: 60}
_WORK = {Priority.CRITICAL: 4, Priority.HIGH: 22, Priority.MEDIUM: 70, Priority.LOW: 110}
_UNTIL_REOPENED, _UNTIL_CLOSED = 20, 150
_SPREAD = 0.9

_KINDS = {
    "category": EventKind.CATEGORY_CHANGED,
    "priority": EventKind.PRIORITY_CHANGED,
    "status": EventKind.STATUS_CHANGED,
}


class Happening(NamedTuple):
    """One event, as the table of events holds it."""

    kind: EventKind
    actor: Actor
    data: dict[str, Any]
    created_at: datetime


@dataclass(slots=True)
class Proposal:
    """What an engine said of a ticket, and what people chose over it."""

    occasion: Occasion
    category: Category
    priority: Priority
    category_confidence: float
    priority_confidence: float
    guesses: list[dict[str, Any]]
    words: tuple[str, ...]
    took_ms: float
    created_at: datetime
    chosen_category: Category | None = None
    chosen_priority: Priority | None = None


@dataclass(slots=True)
class Life:
    """A ticket with its history; changes are applied to it in the order of time."""

    title: str
    description: str
    requester: Requester
    category: Category
    category_set_by: SetBy
    priority: Priority
    priority_set_by: SetBy
    created_at: datetime
    updated_at: datetime
    proposal: Proposal | None
    status: Status = Status.OPEN
    resolved_at: datetime | None = None
    version: int = 1
    events: list[Happening] = field(default_factory=list)

    def apply(self, change: "Change") -> None:
        """Do to the ticket what the verb of this change does."""
        before, more = getattr(self, change.field), {}
        if change.author is not None:
            setattr(self, f"{change.field}_set_by", change.author)
            more = {"set_by": change.author}
        if before == change.value:
            return
        setattr(self, change.field, change.value)
        data = {"from": before, "to": change.value, **more}
        self.events.append(Happening(_KINDS[change.field], change.actor, data, change.at))
        self.version += 1
        self.updated_at = change.at
        if change.field == "status":
            self.resolved_at = (self.resolved_at or change.at) if change.value in DONE else None
        if change.author is not None and change.author.is_human and self.proposal is not None:
            self.proposal.chosen_category, self.proposal.chosen_priority = self.category, self.priority


class Change(NamedTuple):
    """A new value for one field of a ticket; ``author`` is who chose it, where the field keeps that."""

    at: datetime
    actor: Actor
    field: str
    value: str
    author: SetBy | None = None


def lives(tickets: int, *, seed: int, now: datetime) -> Iterator[Life]:
    """``tickets`` lives up to ``now`` in the order of their creation; the same seed and moment give the same."""
    rng = Random(seed)  # noqa: S311  (makes up stories, not keys)
    people = People(rng, tickets)
    scenarios = _dealt(read_scenarios(), rng)
    for created in arrivals(tickets, now, rng):
        scenario = next(scenarios)
        life = _begin(scenario, people.somebody(scenario.language), created, now, rng)
        for change in _plan(life, scenario, rng):
            if change.at > now:
                break
            life.apply(change)
        yield life


def _dealt(scenarios: list[Scenario], rng: Random) -> Iterator[Scenario]:
    """Scenarios without end; one comes again when half of the others have come, so that no page repeats itself."""
    rng.shuffle(scenarios)
    while True:
        scenario = scenarios.pop(rng.randrange(len(scenarios) // 2))
        scenarios.append(scenario)
        yield scenario


def _begin(scenario: Scenario, requester: Requester, created: datetime, now: datetime, rng: Random) -> Life:
    """The ticket as it is created, by one of the ways on which tickets come."""
    title, description = compose(scenario, requester, created, rng)
    way = rng.random() - PROPOSED_ON_FORM
    actor, proposal = CUSTOMER, None
    category, priority = scenario.category, scenario.priority
    by_category = by_priority = SetBy.CUSTOMER
    if way < 0:
        proposal = _propose(scenario, Occasion.FORM, created - timedelta(seconds=rng.uniform(4, 90)), rng)
        if proposal.category == category or rng.random() > WRONG_TURNED_DOWN:
            category, by_category = proposal.category, SetBy.LOCAL
        if rng.random() < RIGHT_OVERSTATED:
            priority = Priority.CRITICAL if priority is Priority.HIGH else Priority.HIGH
        elif proposal.priority == priority or rng.random() > WRONG_TURNED_DOWN:
            priority = proposal.priority
        by_priority = SetBy.LOCAL if priority == proposal.priority else SetBy.CUSTOMER
        proposal.chosen_category, proposal.chosen_priority = category, priority
    elif (way := way - UNPROPOSED_ON_FORM) < 0:
        pass
    elif (way := way - UNPROPOSED_TO_API) < 0:
        actor, by_category, by_priority = rng.choice(PROGRAMS), SetBy.API, SetBy.API
    elif way < PROPOSED_TO_API or now - created < timedelta(minutes=10):
        actor = rng.choice(PROGRAMS)
        proposal = _propose(scenario, Occasion.API, created, rng)
        category, by_category, priority, by_priority = proposal.category, SetBy.LOCAL, proposal.priority, SetBy.LOCAL
    else:
        actor = rng.choice(PROGRAMS)
        proposal = _propose(scenario, Occasion.JOB, created + timedelta(seconds=rng.uniform(1, 40)), rng)
        category, by_category = DEFAULT_CATEGORY, SetBy.DEFAULT
        priority, by_priority = DEFAULT_PRIORITY, SetBy.DEFAULT
    life = Life(
        *(title, description, requester, category, by_category, priority, by_priority),
        created_at=created,
        updated_at=created,
        proposal=proposal,
    )
    data = {
        "category": category,
        "category_set_by": by_category,
        "priority": priority,
        "priority_set_by": by_priority,
        "demo": True,
    }
    life.events.append(Happening(EventKind.CREATED, actor, data, created))
    return life


def _propose(scenario: Scenario, occasion: Occasion, at: datetime, rng: Random) -> Proposal:
    """What an engine says that is right most of the time, and surer of itself when it is."""
    category, priority = scenario.category, scenario.priority
    if wrong := rng.random() > CATEGORY_RIGHT:
        category = rng.choice([other for other in Category if other != category])
    sure = rng.uniform(0.42, 0.66) if wrong else rng.uniform(0.58, 0.98)
    others = [other for other in Category if other != category]
    rng.shuffle(others)
    shares = (sure, (1 - sure) * 0.6, (1 - sure) * 0.3, (1 - sure) * 0.1)
    if off := rng.random() > PRIORITY_RIGHT:
        ranks = list(Priority)
        priority = ranks[priority.rank + 1] if priority.rank < 2 else ranks[priority.rank - 1]
    return Proposal(
        occasion=occasion,
        category=category,
        priority=priority,
        category_confidence=round(sure, 3),
        priority_confidence=round(rng.uniform(0.4, 0.62) if off else rng.uniform(0.52, 0.93), 3),
        guesses=[
            {"category": guess, "confidence": round(share, 3)}
            for guess, share in zip((category, *others), shares, strict=True)
        ],
        words=scenario.words,
        took_ms=round(rng.lognormvariate(0.3, 0.4), 1),
        created_at=at,
    )


def _plan(life: Life, scenario: Scenario, rng: Random) -> Iterator[Change]:
    """All that will happen to the ticket in the long run; each step sees what those before it have done."""
    proposal, at = life.proposal, life.created_at
    if proposal is not None and proposal.occasion is Occasion.JOB:
        at = proposal.created_at
        yield Change(at, SYSTEM, "category", proposal.category, SetBy.LOCAL)
        yield Change(at, SYSTEM, "priority", proposal.priority, SetBy.LOCAL)
    pressing = max(life.priority.rank, scenario.priority.rank) >= Priority.HIGH.rank
    night = scenario.priority is Priority.CRITICAL
    if rng.random() < FORGOTTEN and not pressing:
        return
    agent = rng.choice(AGENTS)
    at = _later(at, _LOOK[scenario.priority], rng, night=night)
    for name, right in (("category", scenario.category), ("priority", scenario.priority)):
        if getattr(life, name) != right and rng.random() < CORRECTED:
            yield Change(at, agent, name, right, SetBy.STAFF)
            at += timedelta(seconds=rng.uniform(3, 40))
    way = rng.random()
    if way < TURNED_AWAY:
        yield Change(at, agent, "status", Status.CLOSED)
        return
    if way < 1 - AT_ONCE:
        yield Change(at, agent, "status", Status.IN_PROGRESS)
        if rng.random() < STUCK and not pressing:
            return
        at = _later(at, _WORK[scenario.priority], rng, night=night)
    if rng.random() < HANDED_ON:
        agent = rng.choice(AGENTS)
    yield Change(at, agent, "status", Status.RESOLVED)
    if rng.random() < REOPENED:
        at = _later(at, _UNTIL_REOPENED, rng)
        yield Change(at, agent, "status", Status.IN_PROGRESS)
        at = _later(at, _WORK[scenario.priority], rng)
        yield Change(at, agent, "status", Status.RESOLVED)
    if rng.random() > LEFT_RESOLVED:
        yield Change(_later(at, _UNTIL_CLOSED, rng), agent, "status", Status.CLOSED)


def _later(at: datetime, median_hours: float, rng: Random, *, night: bool = False) -> datetime:
    """A moment some hours later, in working hours unless it is worth a call at ``night``."""
    moment = at + timedelta(hours=median_hours * rng.lognormvariate(0, _SPREAD))
    return moment if night else at_desk(moment, rng)
