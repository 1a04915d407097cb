"""The moments that are offered to sleep until."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketdesk.tickets.snooze import offers

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"])


@pytest.mark.parametrize(
    ("now", "offered"),
    [
        ("2026-11-25 10:20", ["Later today 25 14:00", "Tomorrow morning 26 09:00", "Next week 30 09:00"]),
        ("2026-11-25 10:00", ["Later today 25 13:00", "Tomorrow morning 26 09:00", "Next week 30 09:00"]),
        ("2026-11-25 20:30", ["Tomorrow morning 26 09:00", "Next week 30 09:00"]),
        ("2026-11-28 08:00", ["Later today 28 11:00", "Tomorrow morning 29 09:00", "Next week 30 09:00"]),
        ("2026-11-29 08:00", ["Later today 29 11:00", "Tomorrow morning 30 09:00"]),
        # The clocks go back an hour in this night, and forward in the other.
        ("2026-10-24 22:00", ["Tomorrow morning 25 09:00", "Next week 26 09:00"]),
        ("2026-03-29 00:30", ["Later today 29 05:00", "Tomorrow morning 30 09:00"]),
    ],
)
def test_they_suit_the_day(now: str, offered: list[str]) -> None:
    found = offers(datetime.fromisoformat(now).replace(tzinfo=BERLIN))
    assert [f"{name} {until:%d %H:%M}" for name, until in found] == offered


@given(st.integers(0, 20 * 366 * 24 * 60), ZONES)
def test_they_are_all_to_come_and_in_order(minutes: int, zone: str) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    found = [until.astimezone(UTC) for _, until in offers(now.astimezone(ZoneInfo(zone)))]
    assert found == sorted(set(found))
    assert all(now < until < now + timedelta(days=8) for until in found)
