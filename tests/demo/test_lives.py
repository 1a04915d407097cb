"""What is made up: believable, and the same again for the same seed."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from ticketdesk.core.vocabulary import DESCRIPTION_MAX, TITLE_MAX, Category, Priority, SetBy, Status
from ticketdesk.demo.hours import CLOSES, DAYS, OPENS, arrivals, at_desk
from ticketdesk.demo.languages import LANGUAGES
from ticketdesk.demo.life import Life
from ticketdesk.demo.lives import lives
from ticketdesk.demo.talk import Purpose, read_sections
from ticketdesk.demo.texts import People, Requester, Scenario, compose, read_scenarios
from ticketdesk.models import MessageKind

NOW = datetime(2026, 11, 19, 15, 30, tzinfo=UTC)
MANY = 600


@pytest.fixture(scope="module")
def told() -> list[Life]:
    return list(lives(MANY, seed=7, now=NOW))


def test_the_same_seed_tells_the_same_and_another_does_not(told: list[Life]) -> None:
    assert list(lives(MANY, seed=7, now=NOW)) == told
    assert [life.title for life in lives(MANY, seed=8, now=NOW)] != [life.title for life in told]


def test_scenarios_are_many_and_mostly_english() -> None:
    scenarios = read_scenarios()
    by_language = Counter(next(code for code, one in LANGUAGES.items() if one is s.language) for s in scenarios)
    assert len({scenario.title for scenario in scenarios}) == len(scenarios) > 100
    assert by_language["en"] > 80
    assert min(by_language.values()) > 5


@pytest.mark.parametrize("scenario", read_scenarios(), ids=lambda scenario: scenario.title)
def test_every_scenario_fits_and_is_filled(scenario: Scenario) -> None:
    rng, requester = Random(1), Requester("Ada Lovelace", "ada.lovelace@example.com")
    for _ in range(20):
        title, description = compose(scenario, requester, NOW, rng)
        assert 0 < len(title) <= TITLE_MAX
        assert 10 <= len(description) <= DESCRIPTION_MAX
        assert not re.search(r"[{}]|\\n| \n|  ", title + description)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_something_to_say_for_every_purpose(code: str) -> None:
    sections = read_sections(code)
    needed: set[tuple[str, Category | None]] = {("hello", None), ("nameless", None), ("sign", None)}
    needed |= {(purpose, None) for purpose in Purpose if purpose is not Purpose.NOTE or code == "en"}
    assert needed <= sections.keys()
    assert sections.keys() <= needed | {(purpose, category) for purpose in Purpose for category in Category}
    assert all(texts for texts in sections.values())


def test_conversations_have_a_believable_length(told: list[Life]) -> None:
    lengths = Counter(len(life.messages) for life in told)
    assert max(lengths) <= 8
    assert sum(count for length, count in lengths.items() if length) > 0.6 * MANY
    assert any(said.kind is MessageKind.NOTE for life in told for said, _ in life.messages)


def test_tickets_come_in_order_and_within_the_days() -> None:
    moments = list(arrivals(5_000, NOW, Random(1)))
    assert moments == sorted(moments)
    assert NOW - timedelta(days=DAYS) <= moments[0]
    assert NOW - timedelta(hours=1) < moments[-1] <= NOW


def test_tickets_come_by_day_and_on_weekdays_and_grow_in_number() -> None:
    moments = list(arrivals(5_000, NOW, Random(1)))
    hours, weekdays = Counter(at.hour for at in moments), Counter(at.weekday() for at in moments)
    middle = NOW - timedelta(days=DAYS / 2)
    assert hours[10] > 4 * hours[3]
    assert min(weekdays[day] for day in range(5)) > 1.5 * max(weekdays[5], weekdays[6])
    assert sum(at > middle for at in moments) > sum(at <= middle for at in moments)


@pytest.mark.parametrize(
    ("moment", "earliest"),
    [
        ("2026-11-18 09:10", "2026-11-18 09:10"),
        ("2026-11-18 05:00", "2026-11-18 08:00"),
        ("2026-11-18 21:00", "2026-11-19 08:00"),
        ("2026-11-20 18:00", "2026-11-23 08:00"),
        ("2026-11-22 11:00", "2026-11-23 08:00"),
    ],
)
def test_agents_answer_in_working_hours(moment: str, earliest: str) -> None:
    wanted = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    first = datetime.fromisoformat(earliest).replace(tzinfo=UTC)
    answered = at_desk(wanted, Random(1))
    assert first <= answered < first + timedelta(hours=3)
    assert OPENS <= answered.hour < CLOSES
    assert (answered == wanted) == (first == wanted)


def test_what_is_new_is_open_and_what_is_old_is_done(told: list[Life]) -> None:
    new = [life.status for life in told if NOW - life.created_at < timedelta(days=2)]
    old = [life.status for life in told if NOW - life.created_at > timedelta(days=45)]
    working = {Status.OPEN, Status.IN_PROGRESS}
    assert sum(status in working for status in new) > 0.6 * len(new)
    assert sum(status in working for status in old) < 0.15 * len(old)
    assert {life.status for life in told} == set(Status)
    pressing = [life for life in told if life.status in working and life.priority.rank >= Priority.HIGH.rank]
    assert all(NOW - life.created_at < timedelta(days=30) for life in pressing), "Nobody leaves an outage lying."


def test_the_mix_is_that_of_a_desk(told: list[Life]) -> None:
    priorities = Counter(life.priority for life in told)
    assert priorities.most_common(1)[0][0] == Priority.MEDIUM
    assert priorities.most_common()[-1][0] == Priority.CRITICAL
    assert 0 < priorities[Priority.CRITICAL] < 0.1 * MANY
    assert min(Counter(life.category for life in told)[category] for category in Category) > 0.1 * MANY
    assert {life.category_set_by for life in told} >= {SetBy.LOCAL, SetBy.CUSTOMER, SetBy.STAFF, SetBy.API}


def test_most_proposals_are_accepted_and_not_all(told: list[Life]) -> None:
    judged = [life.proposal for life in told if life.proposal and life.proposal.chosen_category]
    accepted = [one for one in judged if (one.category, one.priority) == (one.chosen_category, one.chosen_priority)]
    assert 0.75 < len(accepted) / len(judged) < 0.95
    for one in judged:
        assert [guess["confidence"] for guess in one.guesses] == sorted(
            (guess["confidence"] for guess in one.guesses), reverse=True
        )
        assert one.guesses[0] == {"category": one.category, "confidence": one.category_confidence}


def test_no_page_of_the_list_repeats_itself(told: list[Life]) -> None:
    for start in range(MANY - 50):
        assert len({life.title for life in told[start : start + 50]}) == 50


def test_customers_are_nobody_real_and_some_come_back() -> None:
    people = People(Random(1), tickets=MANY)
    met = [people.somebody(LANGUAGES["de"]) for _ in range(500)]
    addresses = [one.email for one in met if one.email]
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+@example\.(com|net|org)", address) for address in addresses)
    assert len(set(addresses)) < len(addresses)
    assert any(one.email is None for one in met)
    assert any(one.email and not one.name for one in met)
