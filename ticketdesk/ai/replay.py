"""Keeps an engine's answers in a file, so that an evaluation can be repeated without asking again.

A line a case, in JSON. Texts are kept as digests only: a recording can be passed
on without passing on what customers wrote.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from ticketdesk.ai.contract import EngineError, Guess, Verdict
from ticketdesk.ai.evaluate import Answer, BadFile
from ticketdesk.core.vocabulary import Category, Priority


def recorded(answers: Iterable[Answer], path: Path) -> Iterator[Answer]:
    """Pass the answers on, writing each to a new file at ``path`` as it comes.

    Raises:
        BadFile: there is something at ``path`` already, or it cannot be written.
    """
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        raise BadFile(f"{path} exists already; an earlier recording is not overwritten.") from None
    except OSError as error:
        raise BadFile(f"{path} cannot be written: {error.strerror}.") from None
    with file:
        for answer in answers:
            print(json.dumps(_line(answer)), file=file, flush=True)
            yield answer


def replaying(path: Path) -> Callable[[str], Verdict]:
    """Classifies by looking up what was recorded; what failed then fails again.

    Raises:
        BadFile: the recording cannot be read; or, when asked, a text is not in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise BadFile(f"{path} cannot be read as a recording.") from None
    answers: dict[str, Verdict | str] = {}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            answers[row["text"]] = row["failure"] or _verdict(row["verdict"])
        except (ValueError, KeyError, TypeError):
            raise BadFile(f"{path.name}, line {number}: not part of a recording.") from None

    def classify(text: str) -> Verdict:
        answer = answers.get(_digest(text))
        if answer is None:
            raise BadFile(f"{path.name} was recorded on other cases; record it anew on this file.")
        if isinstance(answer, str):
            raise EngineError(answer, "The engine gave no answer when this was recorded.")
        return answer

    return classify


def _digest(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()


def _line(answer: Answer) -> dict[str, Any]:
    verdict = answer.verdict
    return {
        "text": _digest(answer.case.text),
        "failure": answer.failure,
        "verdict": verdict
        and {
            "category": verdict.category,
            "priority": verdict.priority,
            "category_confidence": verdict.category_confidence,
            "priority_confidence": verdict.priority_confidence,
            "guesses": [[guess.category, guess.confidence] for guess in verdict.guesses],
        },
    }


def _verdict(row: dict[str, Any]) -> Verdict:
    return Verdict(
        category=Category(row["category"]),
        priority=Priority(row["priority"]),
        category_confidence=float(row["category_confidence"]),
        priority_confidence=float(row["priority_confidence"]),
        guesses=tuple(Guess(Category(category), float(confidence)) for category, confidence in row["guesses"]),
    )
