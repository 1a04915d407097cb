"""Measuring an engine: the figures by hand, and every way a file can be bad."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from ticketdesk.ai import evaluate
from ticketdesk.ai.contract import EngineError, Guess, Verdict
from ticketdesk.ai.evaluate import Answer, BadFile, Case, ask, read_cases, report, split, table
from ticketdesk.ai.local import LocalEngine
from ticketdesk.ai.replay import recorded, replaying
from ticketdesk.core.vocabulary import Category, Priority

B, T, A, G = Category
LOW, MEDIUM, HIGH, CRITICAL = Priority


def answer(
    truth: Category,
    proposed: Category | None,
    confidence: float = 0.75,
    priorities: tuple[Priority | None, Priority] = (None, MEDIUM),
    milliseconds: float = 1.0,
) -> Answer:
    verdict = proposed and Verdict(proposed, priorities[1], confidence, 0.5, (Guess(proposed, confidence),))
    return Answer(Case("text", truth, priorities[0]), verdict or None, None if proposed else "quota", milliseconds)


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_accuracy_f1_and_confusion() -> None:
    figures = report([answer(B, B), answer(B, B), answer(B, T), answer(T, T), answer(G, T)])
    assert figures.accuracy == pytest.approx(3 / 5)
    assert figures.confusion[B] == {B: 2, T: 1, A: 0, G: 0}
    # billing: 2·2/(3+2), technical: 2·1/(1+3), general: 0; nobody wrote about an account.
    assert figures.macro_f1 == pytest.approx((4 / 5 + 1 / 2 + 0) / 3)


def test_no_answer_is_wrong_and_counted_by_kind() -> None:
    figures = report([answer(B, B), answer(B, None), answer(T, None)])
    assert figures.accuracy == pytest.approx(1 / 3)
    assert figures.failures == {"quota": 2}
    assert figures.macro_f1 == pytest.approx((2 / 3 + 0) / 2)
    assert figures.curve[0].coverage == pytest.approx(1 / 3)


def test_coverage_against_accuracy() -> None:
    figures = report([answer(B, B, 0.95), answer(B, B, 0.85), answer(B, T, 0.55), answer(B, B, 0.35)])
    at = {point.threshold: (point.coverage, point.accuracy) for point in figures.curve}
    assert at[0.0] == (1.0, 0.75)
    assert at[0.5] == (0.75, 2 / 3)
    assert at[0.9] == (0.25, 1.0)
    assert report([answer(B, B, 0.5)]).curve[-1].accuracy is None


def test_calibration_error() -> None:
    # Of two answers at 0.95 one is right, both at 0.65 are.
    figures = report([answer(B, B, 0.95), answer(B, T, 0.95), answer(B, B, 0.65), answer(B, B, 0.65)])
    assert figures.calibration_error == pytest.approx((0.9 + 0.7) / 4)
    assert report([answer(B, None)]).calibration_error is None


def test_priority_figures() -> None:
    pairs = [(CRITICAL, CRITICAL), (CRITICAL, MEDIUM), (LOW, MEDIUM), (HIGH, CRITICAL), (LOW, LOW)]
    figures = report([answer(B, B, priorities=pair) for pair in [*pairs, (None, CRITICAL)]]).priority
    assert figures.cases == 5
    assert figures.accuracy == pytest.approx(2 / 5)
    assert figures.within_one == pytest.approx(4 / 5)
    assert figures.criticals_caught == pytest.approx(1 / 2)
    assert figures.false_criticals == pytest.approx(1 / 3)


def test_priority_figures_without_priorities() -> None:
    figures = report([answer(B, B)]).priority
    assert (figures.cases, figures.within_one, figures.criticals_caught) == (0, None, None)


def test_percentiles() -> None:
    figures = report([answer(B, B, milliseconds=float(n)) for n in range(100, 0, -1)])
    assert (figures.p50, figures.p95) == (50.0, 95.0)


def test_asking_times_each_case_and_keeps_failures() -> None:
    def classify(text: str) -> Verdict:
        if text == "bad":
            raise EngineError("blocked", "No.")
        return Verdict(B, LOW, 0.9, 0.5, ())

    good, bad = ask(classify, [Case("good", B), Case("bad", B)])
    assert good.verdict is not None
    assert good.verdict.category is B
    assert (bad.verdict, bad.failure) == (None, "blocked")
    assert min(good.milliseconds, bad.milliseconds) >= 0


@pytest.mark.parametrize(
    ("patience", "waits"),
    [(41.0, [41.0, 41.0]), (0.0, [0.0, 0.0]), (90.5, []), (None, [])],
)
def test_a_limit_that_passes_soon_is_waited_for(patience: float | None, waits: list[float]) -> None:
    def classify(text: str) -> Verdict:
        raise EngineError("quota", "No more for now.", retry_after=patience)

    waited: list[float] = []
    (given,) = ask(classify, [Case("text", B)], waited.append)
    assert (given.failure, waited) == ("quota", waits)


def test_a_case_that_was_waited_for_is_asked_again() -> None:
    limits = [EngineError("quota", "No more for now.", retry_after=7.0)]

    def classify(text: str) -> Verdict:
        if limits:
            raise limits.pop()
        return Verdict(B, LOW, 0.9, 0.5, ())

    (given,) = ask(classify, [Case("text", B)], lambda seconds: None)
    assert given.failure is None
    assert given.verdict is not None


@pytest.mark.parametrize("kind", ["key", "model"])
def test_what_no_case_would_be_answered_for_ends_it(kind: str) -> None:
    def classify(text: str) -> Verdict:
        raise EngineError(kind, "Set it.")

    with pytest.raises(EngineError, match="Set it"):
        list(ask(classify, [Case("text", B)]))


def test_a_real_engine_is_measured_end_to_end(tmp_path: Path) -> None:
    rows = [("Refund my invoice", "billing"), ("The app crashes", "technical"), ("I forgot my password", "account")]
    path = write(tmp_path / "cases.jsonl", "".join(json.dumps({"text": t, "category": c}) + "\n" for t, c in rows))
    figures = report(list(ask(lambda text: LocalEngine().classify(text, timeout=1.0), read_cases(path))))
    assert figures.accuracy == 1.0
    assert json.loads(json.dumps(asdict(figures)))["confusion"]["billing"]["billing"] == 1


def test_split_keeps_the_order() -> None:
    cases = [Case(str(n), B) for n in range(5)]
    assert split(cases, 2) == (cases[:2], cases[2:])
    assert split(cases, 0) == ([], cases)
    with pytest.raises(BadFile, match="leaves none"):
        split(cases, 5)


def test_jsonl(tmp_path: Path) -> None:
    path = write(
        tmp_path / "cases.jsonl",
        '{"text": "a\\nb", "category": "billing", "priority": "low"}\n\n{"text": "ü", "category": "general", "id": 7}',
    )
    assert read_cases(path) == [Case("a\nb", B, LOW), Case("ü", G)]


def test_csv_with_a_byte_order_mark_line_breaks_and_other_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "cases.CSV", '\ufeffid,text,category,priority\n1,"a\nb",billing,\n2,"c, d",account,high\n')
    assert read_cases(path) == [Case("a\nb", B), Case("c, d", A, HIGH)]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("e.jsonl", "", "e.jsonl holds no cases"),
        ("e.csv", "", "e.csv holds no cases"),
        ("e.csv", "text,category\n", "e.csv holds no cases"),
        ("e.csv", "body,label\nx,billing\n", "no column text and no column category; its columns are body, label"),
        ("e.csv", "text,category\nx,money\n", "line 2: “category” must be one of billing, technical, account, general"),
        ("e.csv", "text,category\n,billing\n", "line 2: “text” is missing"),
        ("e.csv", 'text,category\n"x,billing\n', "unexpected end of data"),
        ("e.jsonl", '{"text": "x", "category": "billing"}\n{"text": ', "line 2: not a JSON object"),
        ("e.jsonl", "[1, 2]", "line 1: not a JSON object"),
        ("e.jsonl", "[" * 40_000, "line 1: not a JSON object"),
        ("e.jsonl", '{"text": 5, "category": "billing"}', "“text” is missing"),
        ("e.jsonl", '{"text": "x", "category": ["billing"]}', "“category” must be one of"),
        ("e.jsonl", '{"text": "x", "category": "billing", "priority": "soon"}', "“priority” must be one of low"),
        ("e.jsonl", '{"text": "x", "category": "billing", "priority": {"a": 1}}', "“priority” must be one of low"),
        ("e.jsonl", '{"text": "' + "x" * 90_000, "longer than any ticket"),
        ("e.txt", "x", "must end in .jsonl or .csv"),
    ],
)
def test_a_bad_file_is_told_in_a_sentence(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    with pytest.raises(BadFile) as caught:
        read_cases(write(tmp_path / name, content))
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_file_that_is_not_there_not_text_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read: No such file"):
        read_cases(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"text,category\n\xff\xfe,billing\n")
    with pytest.raises(BadFile, match="not text in UTF-8"):
        read_cases(tmp_path / "binary.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadFile, match="cannot be read"):
        read_cases(tmp_path / "folder.csv")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.jsonl"
    with path.open("wb") as file:
        file.truncate(2_000_000_000)
    with pytest.raises(BadFile, match="2,000,000,000 bytes"):
        read_cases(path)


def test_too_many_cases_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "CASES_MAX", 2)
    path = write(tmp_path / "many.csv", "text,category\n" + "x,billing\n" * 3)
    with pytest.raises(BadFile, match="more than 2 cases"):
        read_cases(path)


def test_the_table_puts_engines_side_by_side() -> None:
    reports = {"local": report([answer(B, B), answer(T, B)]), "gemini": report([answer(B, B), answer(T, None)])}
    lines = table(reports).splitlines()
    assert lines[0].split() == ["local", "gemini"]
    assert next(line for line in lines if line.startswith("category right")).split()[-2:] == ["50.0%", "50.0%"]
    assert next(line for line in lines if line.startswith("without an answer")).split()[-3:] == ["0", "1", "quota"]
    assert "local: truth ↓ proposed →" in table(reports)


def test_a_recording_answers_as_the_engine_did(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    answers = [answer(B, T, 0.625, (LOW, HIGH)), Answer(Case("other", G), None, "quota", 3.0)]
    assert list(recorded(answers, path)) == answers
    assert "other" not in path.read_text(encoding="utf-8")
    classify = replaying(path)
    assert classify("text") == answers[0].verdict
    with pytest.raises(EngineError) as caught:
        classify("other")
    assert caught.value.kind == "quota"
    with pytest.raises(BadFile, match="recorded on other cases"):
        classify("never seen")


def test_a_recording_is_not_overwritten_and_must_be_one(tmp_path: Path) -> None:
    path = write(tmp_path / "recording.jsonl", '{"text": "x"}\n')
    with pytest.raises(BadFile, match="exists already"):
        list(recorded([], path))
    with pytest.raises(BadFile, match=r"recording\.jsonl, line 1: not part of a recording"):
        replaying(path)
    with pytest.raises(BadFile, match="cannot be read"):
        replaying(tmp_path / "none.jsonl")
    with pytest.raises(BadFile, match="cannot be written"):
        list(recorded([], tmp_path / "none" / "recording.jsonl"))
