"""The operator's door to the engines: `flask ai evaluate` says what each is worth on texts whose answers are known."""

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import click
from flask import Flask, current_app

from config import AiEngine, Settings
from ticketdesk.ai import replay
from ticketdesk.ai.contract import EngineError, Question, Verdict
from ticketdesk.ai.evaluate import Answer, BadFile, Case, Report, ask, read_cases, report, split, table
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.suggest import Suggester
from ticketdesk.commands import Commands

Classify = Callable[[str], Verdict]

_NEEDS = {"gemini": "GEMINI_API_KEY", "openai": "OPENAI_BASE_URL and OPENAI_MODEL"}

engines = Commands("ai", help="Measure the engines that suggest category and priority.")


def install(app: Flask) -> None:
    """Add the commands to the app."""
    app.cli.add_command(engines)


@engines.command("evaluate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--engine", "names", type=click.Choice(["local", "gemini", "openai"]), multiple=True, help="Repeatable.")
@click.option("--learn", type=click.IntRange(0), default=0, help="Teach the local engine the first N cases.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--record", type=click.Path(path_type=Path), help="Keep the one engine's answers in a new file.")
@click.option("--replay", "recording", type=click.Path(path_type=Path), help="Take answers from a recording, too.")
def evaluate(
    file: Path, names: tuple[str, ...], learn: int, as_json: bool, record: Path | None, recording: Path | None
) -> None:
    """Ask engines about every case of FILE, and compare their answers with what is true.

    FILE is JSONL or CSV with the fields text, category and, if known, priority.
    Nothing of it is kept, and the desk's own engine learns nothing by it.
    """
    names = names or (() if recording else ("local",))
    if record and len(names) != 1:
        raise BadFile("Only one engine's answers can be recorded at a time; name one --engine.")
    lessons, cases = split(read_cases(file), learn)
    settings: Settings = current_app.config["SETTINGS"]
    asked: dict[str, Classify] = {
        name: _local(lessons) if name == "local" else _remote(settings, name) for name in names
    }
    if recording:
        asked[recording.name] = replay.replaying(recording)
    if record and record.exists():
        raise BadFile(f"{record} exists already; an earlier recording is not overwritten.")
    reports = {name: report(_answers(name, classify, cases, record)) for name, classify in asked.items()}
    click.echo(json.dumps(_plain(reports), indent=2) if as_json else table(reports))


def _local(lessons: Sequence[Case]) -> Classify:
    engine = LocalEngine()
    for case in lessons:
        engine.learner.add(case.text, case.category, case.priority)
    return lambda text: engine.classify(text, timeout=60)


def _remote(settings: Settings, name: str) -> Classify:
    """The remote engine as customers' texts reach it: private data is taken out, and the time is limited."""
    gateway = Suggester.from_settings(dataclasses.replace(settings, ai_engine=cast(AiEngine, name))).gateway
    if gateway is None:
        raise BadFile(f"The engine {name} is not set up; set {_NEEDS[name]}, or leave --engine {name} out.")
    gateway.warm()
    return lambda text: gateway.classify(Question(text), timeout=settings.ai_timeout)


def _answers(name: str, classify: Classify, cases: Sequence[Case], record: Path | None) -> list[Answer]:
    """The answers, and with ``record`` a file of them that is there only when it is whole."""
    answers = ask(classify, cases)
    draft = record.with_name(f"{record.name}.part") if record else None
    try:
        if draft:
            answers = replay.recorded(answers, draft)
        with click.progressbar(answers, length=len(cases), label=f"Asking {name}", file=sys.stderr) as bar:
            given = list(bar)
    except BaseException as error:
        if draft:
            draft.unlink(missing_ok=True)
        if isinstance(error, EngineError):
            raise click.ClickException(str(error)) from None
        raise
    if draft and record:
        draft.rename(record)
    return given


def _plain(reports: dict[str, Report]) -> dict[str, object]:
    return {name: dataclasses.asdict(one) for name, one in reports.items()}
