"""What the local engine reads of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketdesk.ai.words import ADDRESS, CODE, LINK, MONEY, NUMBER, READ_MAX, fold, read_words


def folded(text: str) -> list[str]:
    return [word.folded for word in read_words(text)]


def test_case_accents_and_apostrophes_make_no_difference() -> None:
    assert folded("CAN’T café Größe Straße") == folded("can't cafe grosse strasse")


def test_french_elisions_are_words_of_their_own() -> None:
    assert folded("l'application n'affiche rien") == ["l", "application", "n", "affiche", "rien"]


def test_what_varies_without_meaning_becomes_a_placeholder() -> None:
    assert folded("$49.99 or 20 EUR to a.b@example.com, see https://example.com/x: 0x80070005 in order 4711123") == [
        *(MONEY, "or", MONEY, "to", ADDRESS, "see", LINK, CODE, "in", "order", NUMBER),
    ]


def test_an_http_status_stays_itself() -> None:
    assert folded("error 503") == ["error", "503"]


def test_quoted_lines_and_the_signature_are_not_read() -> None:
    text = "The printer on floor two jams with every page.\n> your invoice\nBest regards,\nPaula\nBilling Department"
    assert not {"invoice", "billing", "paula"} & set(folded(text))


@pytest.mark.parametrize(
    "greeting", ["Dear Customer Support Team,", "Sehr geehrte Damen und Herren,", "Hi Anna,", "Bom dia!", "Bonjour\n"]
)
def test_greetings_are_not_read(greeting: str) -> None:
    assert folded(f"{greeting} my screen is black") == ["my", "screen", "is", "black"]


def test_what_follows_a_greeting_without_a_pause_is_read() -> None:
    assert "crashes" in folded("hi my app crashes, please help")


def test_a_sentence_that_only_begins_like_a_sign_off_is_read() -> None:
    text = "Good morning, this concerns the bill of last month.\nWith regards to my invoice I have a question."
    assert "invoice" in folded(text)


def test_the_written_word_is_kept_for_the_reader() -> None:
    assert [word.written for word in read_words("Größe fehlt")] == ["Größe", "fehlt"]


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    for word in read_words(text):
        assert word.written in text
        assert fold(word.written) == word.folded or word.folded.startswith("#") or word.written.isdigit()


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert "tail" not in folded("word " * (READ_MAX // 5) + "tail")
    assert NUMBER in folded("call 2024-11-22")
