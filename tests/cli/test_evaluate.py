"""`flask ai evaluate`: engines measured on a file, and files that are none."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.conftest import opened, settings_for
from tests.fakes.gemini import FakeGemini
from ticketdesk import create_app

CASES = [
    {"text": "I was charged twice for one invoice, please refund.", "category": "billing", "priority": "high"},
    {"text": "The app crashes with error 500 when I export.", "category": "technical", "priority": "high"},
    {"text": "I forgot my password and cannot log in.", "category": "account"},
    {"text": "Do you have a shop in Hamburg, and when is it open?", "category": "general", "priority": "low"},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in CASES))
    return path


def run(app: Flask, *arguments: object) -> Result:
    return app.test_cli_runner().invoke(args=["ai", "evaluate", *map(str, arguments)])


def test_the_local_engine_is_measured_and_nothing_is_kept(app: Flask, file: Path) -> None:
    shown = run(app, file)
    assert shown.exit_code == 0, shown.output
    for words in ("category right", "macro-F1", "calibration error", "p50 / p95 in ms", "right / given when sure"):
        assert words in shown.stdout
    found = json.loads(run(app, file, "--json").stdout)
    assert found["local"]["cases"] == 4
    assert found["local"]["accuracy"] == 1.0
    assert found["local"]["priority"]["cases"] == 3


def test_a_csv_is_read_too_and_the_first_cases_can_be_lessons(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("text,category\n" + "Wo ist mein Zwurbel?,billing\n" * 30 + "Mein Zwurbel fehlt.,billing\n")
    cold, taught = (json.loads(run(app, path, "--json", "--learn", n).stdout)["local"] for n in (0, 30))
    assert (cold["cases"], taught["cases"]) == (31, 1)
    assert taught["accuracy"] == 1.0


@pytest.fixture
def with_gemini(database_url: str) -> Iterator[tuple[Flask, FakeGemini]]:
    with FakeGemini() as fake:
        settings = settings_for(database_url, GEMINI_API_KEY="key", GEMINI_ENDPOINT=fake.url, AI_TIMEOUT="30")
        with opened(create_app(settings)) as app:
            yield app, fake


def test_two_engines_stand_in_one_table_and_a_recording_repeats_one(
    with_gemini: tuple[Flask, FakeGemini], file: Path, tmp_path: Path
) -> None:
    app, fake = with_gemini
    recording = tmp_path / "answers.jsonl"
    both = run(app, file, "--engine", "local", "--engine", "gemini")
    assert both.exit_code == 0, both.output
    assert both.stdout.splitlines()[0].split() == ["local", "gemini"]

    first = json.loads(run(app, file, "--json", "--engine", "gemini", "--record", recording).stdout)["gemini"]
    asked = len(fake.requests)
    again = json.loads(run(app, file, "--json", "--replay", recording).stdout)["answers.jsonl"]
    assert len(fake.requests) == asked, "The provider was not asked again."
    assert {name: first[name] for name in ("accuracy", "macro_f1", "confusion")} == {
        name: again[name] for name in ("accuracy", "macro_f1", "confusion")
    }
    assert list(tmp_path.glob("*.part")) == []
    assert run(app, file, "--engine", "gemini", "--record", recording).exit_code == 1, "It is not overwritten."


def test_a_key_that_is_not_accepted_is_told_and_leaves_no_recording(
    with_gemini: tuple[Flask, FakeGemini], file: Path, tmp_path: Path
) -> None:
    app, fake = with_gemini
    fake.mode = "400-key"
    shown = run(app, file, "--engine", "gemini", "--record", tmp_path / "answers.jsonl")
    assert shown.exit_code == 1
    assert "GEMINI_API_KEY" in shown.stderr
    assert len(fake.requests) == 1
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "content", "options", "says"),
    [
        ("none.jsonl", None, (), "cannot be read"),
        ("empty.jsonl", "", (), "no cases"),
        ("empty.csv", "", (), "no cases"),
        ("wrong.csv", "question,answer\na,b\n", (), "no column text and no column category"),
        ("wrong.jsonl", '{"text": "a"}\n', (), "“category” must be one of"),
        ("broken.jsonl", "{\n", (), "not a JSON object"),
        ("cases.txt", "a", (), "must end in .jsonl or .csv"),
        ("cases.csv", "text,category\na,billing\n", ("--engine", "gemini"), "GEMINI_API_KEY"),
        ("cases.csv", "text,category\na,billing\n", ("--engine", "openai"), "OPENAI_BASE_URL"),
        ("cases.csv", "text,category\na,billing\n", ("--learn", "1"), "leaves none"),
        ("cases.csv", "text,category\na,billing\n", ("--replay", "nothing.jsonl"), "cannot be read as a recording"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    app: Flask, tmp_path: Path, name: str, content: str | None, options: tuple[str, ...], says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    before = set(tmp_path.iterdir())
    shown = run(app, path, *options)
    assert shown.exit_code == 1
    assert says in shown.output
    assert "Traceback" not in shown.output
    assert set(tmp_path.iterdir()) == before


def test_a_gigabyte_is_refused_unread(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "huge.jsonl"
    with path.open("wb") as file:
        file.truncate(2**30)
    shown = run(app, path)
    assert shown.exit_code == 1
    assert "Use a sample" in shown.output
