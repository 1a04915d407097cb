"""The geometry of the console's charts. Pure: numbers in, shapes out; the templates draw them as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

# A circle of this radius is 100 long, so that lengths along it are percentages.
DONUT_RADIUS = 15.9155
DONUT_GAP = 0.8


@dataclass(frozen=True, slots=True)
class Arc:
    """A part of a donut: where it starts and how long it is, in percent of the circle, clockwise from the top."""

    word: str
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Column:
    """A day's column on a canvas of 100 by 100, measured from the upper left corner."""

    day: date
    tickets: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A place on a canvas of 100 by 100, measured from the upper left corner."""

    x: float
    y: float


def donut(parts: Mapping[str, int]) -> list[Arc]:
    """The arcs of the parts that are not empty, with a gap between neighbours."""
    total = sum(parts.values())
    filled = [(word, 100 * number / total) for word, number in parts.items() if number]
    gap = DONUT_GAP if len(filled) > 1 else 0.0
    arcs, start = [], 0.0
    for word, share in filled:
        # A sliver narrower than the gap is drawn all the same.
        arcs.append(Arc(word, round(start + gap / 2, 3), round(max(share - gap, gap / 2), 3)))
        start += share
    return arcs


def columns(days: Sequence[tuple[date, int]], top: int) -> list[Column]:
    """The days' columns side by side; ``top`` is the number that reaches the upper edge."""
    slot = 100 / len(days)
    return [
        Column(
            day,
            tickets,
            x=round(slot * (position + 0.14), 3),
            y=round(100 - 100 * tickets / top, 3),
            width=round(slot * 0.72, 3),
            height=round(100 * tickets / top, 3),
        )
        for position, (day, tickets) in enumerate(days)
    ]


def steps(shares: Sequence[float | None]) -> list[Dot | None]:
    """Shares from 0 to 1 side by side, in the middle of slots of equal width; None stays a gap."""
    slot = 100 / len(shares)
    return [
        None if share is None else Dot(round(slot * (position + 0.5), 3), round(100 - 100 * share, 3))
        for position, share in enumerate(shares)
    ]


def present(dots: Sequence[Dot | None]) -> list[Dot]:
    """The dots without the gaps."""
    return [dot for dot in dots if dot is not None]


def path(dots: Sequence[Dot | None]) -> str:
    """The line through the dots as SVG's path data; it breaks off at gaps."""
    drawn, command = [], "M"
    for dot in dots:
        if dot is not None:
            drawn.append(f"{command}{dot.x:g} {dot.y:g}")
        command = "M" if dot is None else "L"
    return "".join(drawn)


def round_top(most: int) -> int:
    """The first of 2, 4, 6, 8, 10, 20, 40 … that ``most`` fits under: an axis whose middle is a whole number."""
    step = 2
    while most > 5 * step:
        step *= 10
    return step * max(1, math.ceil(most / step))
