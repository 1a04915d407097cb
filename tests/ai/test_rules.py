"""The keyword rules: what speaks for a category and a priority, and how the files are read."""

from pathlib import Path

import pytest

import ticketdesk.ai.rules as rules
from ticketdesk.ai.rules import Evidence, Phrase, Rules, category_shares, priority_shares, read_phrases
from ticketdesk.ai.words import read_words
from ticketdesk.core.vocabulary import Category, Priority


def evidence(text: str, *phrases: str, title_words: int = 0) -> Evidence:
    made = Rules(Phrase("billing", 4.0, tuple(phrase.split())) for phrase in phrases)
    return made.evidence(read_words(text), title_words)


@pytest.mark.parametrize(
    ("phrase", "text", "spoken"),
    [
        ("invoice*", "Two INVOICES arrived", ["INVOICES"]),
        ("*rechnung", "Meine Stromrechnung fehlt", ["Stromrechnung"]),
        ("charged .. twice", "you charged my card twice", ["charged my card twice"]),
        ("charged .. twice", "charged twice", ["charged twice"]),
        ("charged .. twice", "charged a b c d twice", []),
        ("cancel subscription", "cancel my subscription", []),
        ("cancel subscription", "please cancel", []),
    ],
)
def test_phrases(phrase: str, text: str, spoken: list[str]) -> None:
    assert list(evidence(text, phrase).spoken.get("billing", {})) == spoken


def test_repeating_a_word_adds_nothing() -> None:
    assert evidence("refund refund refund", "refund").totals == evidence("refund", "refund").totals


def test_overlapping_phrases_count_once() -> None:
    assert evidence("charged twice", "charged", "charged twice").spoken["billing"] == {"charged twice": 4.0}


def test_the_title_weighs_more() -> None:
    assert (
        evidence("refund", "refund", title_words=1).totals["billing"] > evidence("refund", "refund").totals["billing"]
    )


def test_a_phrase_in_two_languages_counts_once_with_the_greater_weight() -> None:
    made = Rules([Phrase("technical", 2.0, ("server",)), Phrase("technical", 5.0, ("server",))])
    assert made.evidence(read_words("the server"), 0).totals == {"technical": 5.0}


def test_shares_are_probabilities_and_general_without_evidence() -> None:
    shares = category_shares(Evidence({}, {}))
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=lambda category: shares[category]) is Category.GENERAL


def test_priority_is_medium_without_evidence() -> None:
    shares = priority_shares(Evidence({}, {}))
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=lambda priority: shares[priority]) is Priority.MEDIUM


@pytest.mark.parametrize("line", ["[nonsense]", "6: refund", "[billing]\nrefund"])
def test_a_broken_keyword_file_names_its_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"en\.txt, line \d"):
        list(read_phrases(line.splitlines(), "en.txt"))


def test_every_shipped_file_has_every_section() -> None:
    for path in (Path(rules.__file__).parent / "keywords").glob("*.txt"):
        sections = {phrase.section for phrase in read_phrases(path.read_text(encoding="utf-8").splitlines(), path.name)}
        assert sections >= {*Category, Priority.CRITICAL, Priority.HIGH, Priority.LOW}, path.name
