"""The statistics by which a burst is told from chance."""

import math
from collections import Counter
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketdesk.search.bursts import HISTORY_MIN, TICKETS_MIN, Burst, bursts, chance

COMMON = [f"common{number}" for number in range(40)]


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(0, 60))
def test_the_chance_is_that_of_the_hypergeometric_distribution(
    in_hour: int, hour: int, in_week: int, week: int
) -> None:
    in_hour, in_week = min(in_hour, hour), min(in_week, week)
    having, everything = in_hour + in_week, hour + week
    ways = sum(
        math.comb(having, number) * math.comb(everything - having, hour - number)
        for number in range(in_hour, min(hour, having) + 1)
    )
    exact = Fraction(ways, math.comb(everything, hour))
    assert chance(in_hour, hour, in_week, week) == pytest.approx(float(exact), rel=1e-9)


def spoken(rng: Random) -> frozenset[str]:
    """A ticket's words: a few common ones, and some that hardly anybody uses."""
    few = rng.sample(COMMON, rng.randint(2, 8))
    return frozenset([*few, *(f"rare{rng.randrange(3000)}" for _ in range(rng.randint(1, 6)))])


def history(rng: Random, tickets: int) -> Counter[str]:
    return Counter(word for _ in range(tickets) for word in spoken(rng))


@pytest.mark.parametrize("seed", range(40))
def test_random_hours_have_none(seed: int) -> None:
    rng = Random(seed)
    tickets = rng.choice([25, 200, 1000])
    hour = {number: spoken(rng) for number in range(rng.choice([5, 20, 150]))}
    assert bursts(hour, history(rng, tickets), tickets) == []


@pytest.mark.parametrize("seed", range(10))
def test_one_is_found_in_random_hours(seed: int) -> None:
    rng = Random(seed)
    hour = {number: spoken(rng) for number in range(30)}
    planted = {100 + number: spoken(rng) | {"outage"} for number in range(8)}
    assert bursts(hour | planted, history(rng, 1000), 1000) == [Burst(("outage",), frozenset(planted))]


def test_words_of_the_same_tickets_are_one_burst_and_others_are_another() -> None:
    hour = {number: frozenset({"code", "sms"}) for number in range(6)}
    hour |= {number: frozenset({"code"}) for number in range(6, 9)}
    hour |= {number: frozenset({"label"}) for number in range(10, 16)}
    first, second = bursts(hour, {}, 500)
    assert (set(first.words), first.tickets) == ({"code", "sms"}, frozenset(range(9)))
    assert (second.words, second.tickets) == (("label",), frozenset(range(10, 16)))


def test_a_ticket_belongs_by_the_words_that_go_with_a_burst() -> None:
    hour = {number: frozenset({"outage", "phone", "login"}) for number in range(8)}
    hour |= {8: frozenset({"phone", "login"}), 9: frozenset({"phone"})}
    hour |= {number: frozenset({"common"}) for number in range(10, 80)}
    week = {"phone": 40, "login": 40, "common": 800}
    (found,) = bursts(hour, week, 1000)
    assert found.tickets == frozenset(range(9))


def test_the_same_share_in_a_busier_hour_is_no_news() -> None:
    hour = {number: frozenset({"refund" if number % 5 == 0 else "other"}) for number in range(500)}
    assert bursts(hour, {"refund": 40, "other": 160}, 200) == []


def test_too_few_and_too_little_known_is_none() -> None:
    hour = {number: frozenset({"outage"}) for number in range(TICKETS_MIN)}
    assert bursts(hour, {}, 1000) != []
    assert bursts({number: hour[number] for number in range(TICKETS_MIN - 1)}, {}, 1000) == []
    assert bursts(hour, {}, HISTORY_MIN - 1) == []
    assert bursts({}, {}, 1000) == []
