"""Measures an engine on texts whose right answers are known. Pure: it reads a file and asks, and keeps nothing."""

import csv
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ticketdesk.ai.contract import EngineError, Verdict
from ticketdesk.core.errors import DomainError
from ticketdesk.core.vocabulary import DESCRIPTION_MAX, TITLE_MAX, Category, Priority

CASES_MAX = 100_000
"""Cases a file may hold; more would tell no more."""
FILE_MAX = 200_000_000
"""Bytes a file may have."""
_LINE_MAX = 4 * (TITLE_MAX + DESCRIPTION_MAX)
_COLUMNS = ("text", "category", "priority")
_BINS = 10
_ATTEMPTS = 3
_PATIENCE_MAX = 90.0
"""Seconds that a provider's limit is waited for; one that lasts longer is that of a day."""
_CURVE = tuple(step / 20 for step in range(20))


@dataclass(frozen=True, slots=True)
class Case:
    """A text and what it truly is; ``priority`` is None where nobody said."""

    text: str
    category: Category
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine said of a case: a verdict or the kind of failure, after so many milliseconds."""

    case: Case
    verdict: Verdict | None
    failure: str | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Of the answers at least as sure as ``threshold``: their share of all cases, and how many of them are right."""

    threshold: float
    coverage: float
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class PriorityReport:
    """How well priorities were met, among cases that have one; None where there was nothing to count.

    ``within_one`` is the share off by at most one level, ``criticals_caught`` the
    share of critical cases called critical, ``false_criticals`` the share of others
    called so.
    """

    cases: int
    accuracy: float | None
    within_one: float | None
    criticals_caught: float | None
    false_criticals: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What an engine is worth on a set of cases.

    A case without an answer counts as wrong for ``accuracy`` and the F1, and is
    left out of everything about confidence. ``confusion[truth][proposed]`` counts
    answered cases. ``macro_f1`` is the mean over the categories that occur.
    ``calibration_error`` is the expected gap between stated confidence and truth,
    in ten bins.
    """

    cases: int
    failures: Mapping[str, int]
    accuracy: float
    macro_f1: float
    confusion: Mapping[Category, Mapping[Category, int]]
    curve: Sequence[CurvePoint]
    calibration_error: float | None
    priority: PriorityReport
    p50: float
    p95: float


class BadFile(DomainError):
    """A file that cannot be evaluated; ``str()`` says what is wrong with it, and where."""


def read_cases(path: Path) -> list[Case]:
    """The cases of a JSONL or CSV file, told apart by the name's ending.

    Raises:
        BadFile: the file is not there, too large, empty, not text, or a row
            cannot be used. Nothing is returned unless all of it can.
    """
    readers: dict[str, Callable[[TextIO, str], Iterator[Case]]] = {".jsonl": _read_jsonl, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadFile(f"{path.name} must end in .jsonl or .csv, so that it is clear how to read it.")
    try:
        size = path.stat().st_size
        if size > FILE_MAX:
            raise BadFile(f"{path.name} has {size:,} bytes; at most {FILE_MAX:,} are read. Use a sample of it.")
        with path.open(encoding="utf-8-sig", newline="") as file:
            cases = list(islice(reader(file, path.name), CASES_MAX + 1))
    except UnicodeDecodeError:
        raise BadFile(f"{path.name} is not text in UTF-8.") from None
    except OSError as error:
        raise BadFile(f"{path.name} cannot be read: {error.strerror}.") from None
    if len(cases) > CASES_MAX:
        raise BadFile(f"{path.name} holds more than {CASES_MAX:,} cases. Use a sample of it.")
    if not cases:
        raise BadFile(f"{path.name} holds no cases.")
    return cases


def _read_jsonl(file: TextIO, name: str) -> Iterator[Case]:
    number = 0
    while line := file.readline(_LINE_MAX + 1):
        number += 1
        if len(line) > _LINE_MAX:
            raise BadFile(f"{name}, line {number}: longer than any ticket can be.")
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise BadFile(f"{name}, line {number}: not a JSON object.") from None
        if not isinstance(row, dict):
            raise BadFile(f"{name}, line {number}: not a JSON object.")
        yield _case(row, f"{name}, line {number}")


def _read_csv(file: TextIO, name: str) -> Iterator[Case]:
    rows = csv.DictReader(file, strict=True)
    try:
        columns = rows.fieldnames or ()
        missing = [column for column in _COLUMNS[:2] if column not in columns]
        if columns and missing:
            raise BadFile(
                f"{name} has no column {' and no column '.join(missing)}; its columns are {_listed(columns)}."
            )
        for row in rows:
            yield _case(row, f"{name}, line {rows.line_num}")
    except csv.Error as error:
        raise BadFile(f"{name}, line {rows.line_num}: {error}.") from None


def _case(row: Mapping[Any, Any], place: str) -> Case:
    text, category, priority = (row.get(column) for column in _COLUMNS)
    if not isinstance(text, str) or not text.strip():
        raise BadFile(f"{place}: “text” is missing.")
    if not isinstance(category, str) or category not in set(Category):
        raise BadFile(f"{place}: “category” must be one of {_listed(Category)}.")
    if priority and (not isinstance(priority, str) or priority not in set(Priority)):
        raise BadFile(f"{place}: “priority” must be one of {_listed(Priority)}, or be left out.")
    return Case(text, Category(category), Priority(priority) if priority else None)


def _listed(words: Sequence[str] | type[Category] | type[Priority]) -> str:
    listed = ", ".join(str(word) for word in words)
    return listed if len(listed) <= 200 else f"{listed[:200]}…"


def split(cases: Sequence[Case], learn: int) -> tuple[list[Case], list[Case]]:
    """The first ``learn`` cases to be confirmed beforehand, and the rest to be asked about.

    Raises:
        BadFile: nothing would be left to ask about.
    """
    if learn >= len(cases):
        raise BadFile(f"There are {len(cases):,} cases; learning {learn:,} of them leaves none to evaluate on.")
    return list(cases[:learn]), list(cases[learn:])


def ask(
    classify: Callable[[str], Verdict], cases: Sequence[Case], wait: Callable[[float], None] = time.sleep
) -> Iterator[Answer]:
    """An engine's answer to each case in turn; one that fails is an answer too.

    Providers allow so many questions a minute: a limit that passes soon is waited
    for, and the case asked again.

    Raises:
        EngineError: ``key`` or ``model``; no case would be answered.
    """
    for case in cases:
        for attempt in range(_ATTEMPTS):
            verdict, failure, patience = None, None, None
            began = time.perf_counter()
            try:
                verdict = classify(case.text)
            except EngineError as error:
                if error.kind in {"key", "model"}:
                    raise
                failure = error.kind
                patience = error.retry_after if failure == "quota" else None
            took = (time.perf_counter() - began) * 1000
            if patience is None or patience > _PATIENCE_MAX or attempt == _ATTEMPTS - 1:
                break
            wait(patience)
        yield Answer(case, verdict, failure, took)


def report(answers: Sequence[Answer]) -> Report:
    """The figures of at least one answer."""
    answered = [(answer.case, answer.verdict) for answer in answers if answer.verdict]
    confusion = {truth: dict.fromkeys(Category, 0) for truth in Category}
    for case, verdict in answered:
        confusion[case.category][verdict.category] += 1
    failures: dict[str, int] = {}
    for answer in answers:
        if answer.failure:
            failures[answer.failure] = failures.get(answer.failure, 0) + 1
    sureness = [(verdict.category_confidence, verdict.category is case.category) for case, verdict in answered]
    times = sorted(answer.milliseconds for answer in answers)
    return Report(
        cases=len(answers),
        failures=failures,
        accuracy=sum(right for _, right in sureness) / len(answers),
        macro_f1=_macro_f1(confusion, [answer.case.category for answer in answers]),
        confusion=confusion,
        curve=[_curve_point(sureness, threshold, len(answers)) for threshold in _CURVE],
        calibration_error=_calibration_error(sureness),
        priority=_priority_report([(c.priority, v.priority) for c, v in answered if c.priority]),
        p50=_percentile(times, 0.50),
        p95=_percentile(times, 0.95),
    )


def _macro_f1(confusion: Mapping[Category, Mapping[Category, int]], truths: Sequence[Category]) -> float:
    scores = []
    for category in Category:
        if wanted := truths.count(category):
            proposed = sum(confusion[truth][category] for truth in Category)
            scores.append(2 * confusion[category][category] / (wanted + proposed))
    return sum(scores) / len(scores)


def _curve_point(sureness: Sequence[tuple[float, bool]], threshold: float, cases: int) -> CurvePoint:
    given = [right for confidence, right in sureness if confidence >= threshold]
    return CurvePoint(threshold, len(given) / cases, sum(given) / len(given) if given else None)


def _calibration_error(sureness: Sequence[tuple[float, bool]]) -> float | None:
    if not sureness:
        return None
    gaps = [0.0] * _BINS
    for confidence, right in sureness:
        gaps[min(int(confidence * _BINS), _BINS - 1)] += confidence - right
    return sum(map(abs, gaps)) / len(sureness)


def _priority_report(pairs: Sequence[tuple[Priority, Priority]]) -> PriorityReport:
    """The figures for pairs of the true and the proposed priority."""

    def share(hits: Sequence[bool]) -> float | None:
        return sum(hits) / len(hits) if hits else None

    return PriorityReport(
        cases=len(pairs),
        accuracy=share([truth is proposed for truth, proposed in pairs]),
        within_one=share([abs(truth.rank - proposed.rank) <= 1 for truth, proposed in pairs]),
        criticals_caught=share([p is Priority.CRITICAL for t, p in pairs if t is Priority.CRITICAL]),
        false_criticals=share([p is Priority.CRITICAL for t, p in pairs if t is not Priority.CRITICAL]),
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def table(reports: Mapping[str, Report]) -> str:
    """Reports side by side in plain text, one column each, and a confusion table for each."""
    rows: list[tuple[str, list[str]]] = [("", list(reports))]
    for label, figure in _FIGURES.items():
        rows.append((label, [figure(one) for one in reports.values()]))
    for number, threshold in enumerate(_CURVE):
        if threshold >= _CURVE_SHOWN_FROM:
            points = [one.curve[number] for one in reports.values()]
            label = f"right / given when sure ≥ {threshold:.2f}"
            rows.append((label, [f"{_percent(point.accuracy)} / {_percent(point.coverage)}" for point in points]))
    blocks = [_aligned(rows)]
    for name, one in reports.items():
        lines = [(f"{name}: truth ↓ proposed →", [*Category])]
        for truth, proposed in one.confusion.items():
            lines.append((f"  {truth}", [str(proposed[category]) for category in Category]))
        blocks.append(_aligned(lines))
    return "\n\n".join(blocks)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _aligned(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    first = max(len(label) for label, _ in rows)
    widths = [max(len(cells[column]) for _, cells in rows) for column in range(len(rows[0][1]))]
    return "\n".join(
        "  ".join(
            [label.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))]
        ).rstrip()
        for label, cells in rows
    )


_CURVE_SHOWN_FROM = 0.5
_FIGURES: Mapping[str, Callable[[Report], str]] = {
    "cases": lambda one: f"{one.cases:,}",
    "without an answer": lambda one: ", ".join(f"{n} {kind}" for kind, n in sorted(one.failures.items())) or "0",
    "category right": lambda one: _percent(one.accuracy),
    "macro-F1": lambda one: f"{one.macro_f1:.3f}",
    "calibration error": lambda one: "–" if one.calibration_error is None else f"{one.calibration_error:.3f}",
    "cases with a priority": lambda one: f"{one.priority.cases:,}",
    "priority right": lambda one: _percent(one.priority.accuracy),
    "priority off by at most one": lambda one: _percent(one.priority.within_one),
    "criticals caught": lambda one: _percent(one.priority.criticals_caught),
    "others called critical": lambda one: _percent(one.priority.false_criticals),
    "p50 / p95 in ms": lambda one: f"{one.p50:.1f} / {one.p95:.1f}",
}
