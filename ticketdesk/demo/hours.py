"""When demo customers write and when demo agents answer. All hours are UTC."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

DAYS = 90
"""How far back a demo desk goes."""
GROWTH = 1.4
"""How many times as many tickets come a day at the end as at the beginning."""
OPENS, CLOSES = 8, 18
"""The hours in which agents work, on Monday to Friday."""

# How many tickets come in an hour of a day and on a day of a week, against each other.
_BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 12, 15, 15, 14, 11, 12, 14, 14, 12, 10, 8, 7, 7, 6, 5, 3)
_BY_WEEKDAY = (12, 11, 10, 10, 9, 4, 3)
_DAILY_NOISE = 0.22


def arrivals(count: int, now: datetime, rng: Random) -> Iterator[datetime]:
    """The moments at which ``count`` tickets come in the last ``DAYS`` days, in their order."""
    hours = DAYS * 24
    start = now - timedelta(hours=hours)
    noise = [rng.lognormvariate(0, _DAILY_NOISE) for _ in range(DAYS + 1)]
    weights = [
        _BY_HOUR[at.hour] * _BY_WEEKDAY[at.weekday()] * noise[hour // 24] * GROWTH ** (hour / hours)
        for hour in range(hours)
        for at in [start + timedelta(hours=hour)]
    ]
    ends = list(accumulate(weights))
    hour = 0
    for number in range(count):
        # One ticket falls into each of ``count`` equal parts of all the weight, which keeps them in order.
        place = (number + rng.random()) / count * ends[-1]
        while ends[hour] < place:
            hour += 1
        yield start + timedelta(hours=hour + 1 - (ends[hour] - place) / weights[hour])


def at_desk(moment: datetime, rng: Random) -> datetime:
    """The moment itself if agents work then, else one in the first hours of their next working day."""
    if moment.weekday() < 5 and OPENS <= moment.hour < CLOSES:
        return moment
    morning = moment.replace(hour=OPENS, minute=0)
    if moment.hour >= OPENS:
        morning += timedelta(days=1)
    while morning.weekday() >= 5:
        morning += timedelta(days=1)
    return morning + timedelta(hours=2.5 * rng.random())
