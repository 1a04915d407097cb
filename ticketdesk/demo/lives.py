"""The lives of demo tickets: how each came in, what was proposed for it, and what agents did with it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random

from ticketdesk.core.actors import CUSTOMER, SYSTEM, Actor, ActorKind
from ticketdesk.core.vocabulary import DEFAULT_CATEGORY, DEFAULT_PRIORITY, Category, Priority, Rating, SetBy, Status
from ticketdesk.demo import talk
from ticketdesk.demo.hours import arrivals, at_desk
from ticketdesk.demo.life import Assigned, Change, Happening, Life, Proposal, Rated, Step, Tagged
from ticketdesk.demo.talk import Purpose, Said
from ticketdesk.demo.texts import People, Requester, Scenario, compose, read_scenarios
from ticketdesk.models import EventKind, Occasion

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
ANSWERED, ASKED, TOLD, REMINDED, NOTED, TAGGED, ASSIGNED, RATED = 0.8, 0.4, 0.75, 0.25, 0.3, 0.25, 0.7, 0.35
CONTENT, COMMENTED = 0.87, 0.45
TALKING_NEWEST, TALKING_OTHERS = 2_500, 2_500
"""How many of a demo's newest tickets have conversations, and about how many of all the others; each message is written
into its ticket's index of words, which for a million tickets would take most of an hour."""
TAGS = ("vip", "follow-up", "escalated", "partner", "known-issue")

# Median hours until an agent looks at a ticket, and from there until it is resolved.
_LOOK = {Priority.CRITICAL: 0.3, Priority.HIGH: 4, Priority.MEDIUM: 26, Priority.LOW: 60}
_WORK = {Priority.CRITICAL: 4, Priority.HIGH: 22, Priority.MEDIUM: 70, Priority.LOW: 110}
_UNTIL_REOPENED, _UNTIL_CLOSED, _UNTIL_TOLD, _UNTIL_RATED = 20, 150, 3, 5
_SPREAD = 0.9


def lives(tickets: int, *, seed: int, now: datetime, staff: Sequence[tuple[int, str]] = ()) -> Iterator[Life]:
    """``tickets`` lives up to ``now`` in the order of their creation; the same seed and moment give the same.

    ``staff`` are the accounts that tickets are assigned to, by id and name.
    """
    rng = Random(seed)  # noqa: S311  (makes up stories, not keys)
    people = People(rng, tickets)
    scenarios = _dealt(read_scenarios(), rng)
    for number, created in enumerate(arrivals(tickets, now, rng)):
        scenario = next(scenarios)
        life = _begin(scenario, people.somebody(scenario.language), created, now, rng)
        talks = number >= tickets - TALKING_NEWEST or number % max(1, tickets // TALKING_OTHERS) == 0
        voice = Voice(life.requester, scenario, staff, rng) if talks else None
        for step in _plan(life, scenario, voice, rng):
            if step.at > now:
                break
            life.apply(step)
        yield life


class Voice:
    """What is said beside the changes of one ticket."""

    def __init__(self, requester: Requester, scenario: Scenario, staff: Sequence[tuple[int, str]], rng: Random) -> None:
        self._requester = requester
        self._scenario = scenario
        self._staff = staff
        self._rng = rng

    def taken(self, life: Life, at: datetime, agent: Actor) -> Iterator[Step]:
        """An agent begins to work: whose it is, what it is about, a first answer and what comes back."""
        rng = self._rng
        if self._staff and rng.random() < ASSIGNED:
            yield Assigned(at, agent, rng.choice(self._staff))
        if rng.random() < TAGGED:
            yield Tagged(at, agent, (rng.choice(TAGS),))
        if rng.random() > ANSWERED:
            return
        at += timedelta(minutes=rng.uniform(2, 25))
        if rng.random() > ASKED:
            yield self._answer(Purpose.TAKE, at, agent)
            if rng.random() < REMINDED:
                yield self._request(Purpose.MORE, _later(at, _UNTIL_REOPENED, rng))
            return
        yield self._answer(Purpose.ASK, at, agent)
        if rng.random() < TOLD:
            yield self._request(Purpose.TELL, at + timedelta(hours=_UNTIL_TOLD * rng.lognormvariate(0, _SPREAD)))

    def note(self, life: Life, at: datetime, agent: Actor) -> Iterator[Step]:
        """Now and then, a word for the others."""
        if self._rng.random() < NOTED:
            yield talk.note(
                max(at - timedelta(minutes=self._rng.uniform(5, 90)), life.updated_at),
                agent,
                self._scenario.category,
                self._rng,
            )

    def solved(self, at: datetime, agent: Actor, purpose: Purpose = Purpose.SOLVE) -> Iterator[Step]:
        """The answer that ends the work, in the same act."""
        if self._rng.random() < ANSWERED:
            yield self._answer(purpose, at, agent)

    def again(self, at: datetime) -> Iterator[Step]:
        """The requester says that it was not solved, which opens the ticket."""
        yield self._request(Purpose.AGAIN, at)
        yield Change(at, CUSTOMER, "status", Status.OPEN)

    def rated(self, at: datetime) -> Iterator[Step]:
        """The requester says how the help was."""
        rng = self._rng
        if rng.random() < RATED:
            rating, purpose = (Rating.GOOD, Purpose.GOOD) if rng.random() < CONTENT else (Rating.BAD, Purpose.BAD)
            words = talk.phrase(purpose, self._scenario.language, rng) if rng.random() < COMMENTED else None
            yield Rated(at + timedelta(hours=_UNTIL_RATED * rng.lognormvariate(0, _SPREAD)), rating, words)

    def _answer(self, purpose: Purpose, at: datetime, agent: Actor) -> Said:
        scenario = self._scenario
        return talk.by_agent(purpose, at, agent, self._requester, scenario.language, scenario.category, self._rng)

    def _request(self, purpose: Purpose, at: datetime) -> Said:
        scenario = self._scenario
        return talk.by_requester(purpose, at, self._requester, scenario.language, scenario.category, self._rng)


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


def _plan(life: Life, scenario: Scenario, voice: Voice | None, rng: Random) -> Iterator[Step]:
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
        if voice:
            yield from voice.solved(at, agent, Purpose.CLOSE)
        yield Change(at, agent, "status", Status.CLOSED)
        return
    if way < 1 - AT_ONCE:
        yield Change(at, agent, "status", Status.IN_PROGRESS)
        if voice:
            yield from voice.taken(life, at, agent)
        if rng.random() < STUCK and not pressing:
            return
        at = max(_later(at, _WORK[scenario.priority], rng, night=night), life.updated_at + timedelta(minutes=20))
        if voice:
            yield from voice.note(life, at, agent)
    if rng.random() < HANDED_ON:
        agent = rng.choice(AGENTS)
    if voice:
        yield from voice.solved(at, agent)
    yield Change(at, agent, "status", Status.RESOLVED)
    if rng.random() < REOPENED:
        at = _later(at, _UNTIL_REOPENED, rng)
        if voice:
            yield from voice.again(at)
            at = _later(at, _LOOK[scenario.priority], rng)
        yield Change(at, agent, "status", Status.IN_PROGRESS)
        at = _later(at, _WORK[scenario.priority], rng)
        if voice:
            yield from voice.solved(at, agent)
        yield Change(at, agent, "status", Status.RESOLVED)
    if voice:
        yield from voice.rated(at)
        at = max(at, life.updated_at)
    if rng.random() > LEFT_RESOLVED:
        yield Change(_later(at, _UNTIL_CLOSED, rng), agent, "status", Status.CLOSED)


def _later(at: datetime, median_hours: float, rng: Random, *, night: bool = False) -> datetime:
    """A moment some hours later, in working hours unless it is worth a call at ``night``."""
    moment = at + timedelta(hours=median_hours * rng.lognormvariate(0, _SPREAD))
    return moment if night else at_desk(moment, rng)
