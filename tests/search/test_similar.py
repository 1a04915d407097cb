"""Similar tickets: whether the right ones are found, and what ranking is made of."""

import pytest
import sqlalchemy as sa

from tests.search.conftest import Plant
from ticketdesk.extensions import db
from ticketdesk.search.similar import Candidate, Similar, Word, rank, similar_tickets

MOST = 5


def similar(ticket_id: int) -> list[Similar]:
    return similar_tickets(db.session.connection(), ticket_id, most=MOST)


@pytest.mark.parametrize("outage", ["codes", "labels"])
def test_what_tells_of_one_outage_in_other_words_is_found(plant: Plant, outage: str) -> None:
    planted = plant(outage)
    assert len(planted) == 30
    hits = [[each.ticket_id in planted for each in similar(ticket_id)] for ticket_id in planted]
    assert sum(any(found) for found in hits) >= 0.95 * len(planted)
    assert sum(len(found) == MOST and all(found) for found in hits) >= 0.8 * len(planted)


def test_an_old_ticket_with_the_same_words_is_found_among_all(plant: Plant) -> None:
    old = db.session.scalars(sa.text("SELECT id FROM ticket ORDER BY created_at LIMIT 1")).one()
    title, description = db.session.execute(
        sa.text("SELECT title, description FROM ticket WHERE id = :id"), {"id": old}
    ).one()
    (new,) = plant([(title, f"{description} The serial number is zyxel4711.")])
    assert old in [each.ticket_id for each in similar(new)]


def test_a_ticket_is_not_similar_to_itself_and_scores_go_down(plant: Plant) -> None:
    planted = plant("codes")
    for ticket_id in planted[:5]:
        found = similar(ticket_id)
        assert ticket_id not in [each.ticket_id for each in found]
        scores = [each.score for each in found]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)


def test_what_is_gone_is_similar_to_nothing(plant: Plant) -> None:
    one, other = plant([("Flux capacitor burns", "Since the update."), ("Help", "My flux capacitors are burning!")])
    assert other in [each.ticket_id for each in similar(one)]
    db.session.execute(sa.text("UPDATE ticket SET gone_at = now() WHERE id = :id"), {"id": other})
    assert other not in [each.ticket_id for each in similar(one)]


def test_what_is_shared_is_told_and_stands_in_both(plant: Plant) -> None:
    one, other = plant([("Flux capacitor burns", "Since the update."), ("Help", "My flux capacitors are burning!")])
    (found, *_) = similar(one)
    assert found.ticket_id == other
    assert set(found.shared_words) == {"flux", "capacitor", "burns"}


def test_what_is_said_on_a_ticket_later_is_not_what_it_is_about(plant: Plant) -> None:
    one, other = plant([("Flux capacitor", "It overheats."), ("Another matter", "Of no importance.")])
    db.session.execute(
        sa.text(
            "INSERT INTO message (ticket_id, kind, channel, author_kind, author_label, body, message_id)"
            " VALUES (:id, 'reply', 'api', 'token', 'x', 'Is it the flux capacitor that overheats?', '<1@desk.test>')"
        ),
        {"id": other},
    )
    assert other not in [each.ticket_id for each in similar(one)]


@pytest.mark.parametrize(
    "text",
    ["the and of", "1 2 3", "?", "' \\ & | ! ( ) :* <->", "𝔘𝔫𝔦", "it's a 'quoted' back\\slash", "x" * 5000],
    ids=["stop words", "numbers", "signs", "operators", "letters", "quotes", "one long word"],
)
def test_odd_texts_are_no_error(plant: Plant, text: str) -> None:
    one, _ = plant([(text[:200], text), ("Flux capacitor", text)])
    similar(one)


def test_a_ticket_that_is_not_there_is_like_no_other(plant: Plant) -> None:
    assert similar(999_999_999) == []


CODE, SMS, APP = Word("code", "codes", True, 0.001), Word("sms", "sms", False, 0.001), Word("app", "app", False, 0.3)


def candidate(ticket_id: int, *stems: str, hours: float = 1000.0, title: str = "", words: int = 10) -> Candidate:
    return Candidate(ticket_id, hours, words, frozenset(stems), frozenset([title] if title else []))


def ranked(*candidates: Candidate, words: tuple[Word, ...] = (CODE, SMS, APP)) -> list[int]:
    return [each.ticket_id for each in rank(words, 10, candidates)]


def test_rare_words_titles_and_short_texts_count_more() -> None:
    assert ranked(candidate(1, "app"), candidate(2, "sms")) == [2]
    assert ranked(candidate(1, "sms"), candidate(2, "code")) == [2, 1]
    assert ranked(candidate(1, "sms"), candidate(2, "sms", title="sms")) == [2, 1]
    assert ranked(candidate(1, "sms", words=40), candidate(2, "sms", words=10)) == [2, 1]


def test_of_two_that_say_the_same_the_nearer_in_time_comes_first() -> None:
    assert ranked(candidate(1, "sms", "code", hours=50), candidate(2, "sms", "code", hours=2)) == [2, 1]
    assert ranked(candidate(1, "sms"), candidate(2, "sms")) == [2, 1]


def test_the_same_words_at_the_same_time_are_one() -> None:
    same = Candidate(1, 0.0, 10, frozenset({"code", "sms", "app"}), frozenset({"code"}))
    (found,) = rank((CODE, SMS, APP), 10, [same])
    assert found == Similar(1, 1.0, ("codes", "sms", "app"))
    (found,) = rank((CODE, SMS, APP), 10, [same._replace(hours=1e9)])
    assert found.score == 0.5


def test_a_word_that_is_heard_more_than_usual_at_the_time_counts_more() -> None:
    twins = (candidate(1, "sms", hours=10), candidate(2, "pay", hours=10))
    pay = Word("pay", "pay", False, 0.001)
    chorus = [candidate(number, "sms", hours=0.5, words=1000) for number in range(10, 20)]
    assert ranked(*twins, words=(SMS, pay)) == [2, 1]
    found = ranked(*twins, *chorus, words=(SMS, pay))
    assert found.index(1) < found.index(2)


def test_without_statistics_all_words_count_the_same() -> None:
    words = tuple(word._replace(share=0.0, in_title=False) for word in (CODE, SMS, APP))
    assert ranked(candidate(1, "app"), candidate(2, "sms", "code"), words=words) == [2, 1]


def test_nothing_to_compare_is_like_nothing() -> None:
    assert rank([], 0, [candidate(1)]) == []
    assert rank([CODE], 10, []) == []
