"""Learning from confirmed tickets: what is added can be taken back, and order plays no part."""

import random
from itertools import cycle, islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketdesk.ai import primer as primer_module
from ticketdesk.ai.learner import Learner
from ticketdesk.ai.primer import Counts, Primer, read_examples, shipped_primer
from ticketdesk.ai.words import READ_MAX
from ticketdesk.core.vocabulary import Category, Priority

Ticket = tuple[str, Category | None, Priority | None]

EVALUATION = Path(__file__).parent / "evaluation"
PROBES = ["My card was charged twice", "Der Drucker druckt nicht", "hello", "esqueci a senha", "where is my parcel"]

tickets = st.tuples(
    st.text(max_size=60) | st.sampled_from(PROBES),
    st.sampled_from([*Category, None]),
    st.sampled_from([*Priority, None]),
)


def desk(name: str) -> list[Ticket]:
    """A desk of the evaluation set, shuffled the same way each time."""
    rows: list[Ticket] = [*read_examples(EVALUATION / f"{name}.txt")]
    random.Random(7).shuffle(rows)
    return rows


def taught(rows: list[Ticket]) -> Learner:
    learner = Learner()
    for row in rows:
        learner.add(*row)
    return learner


def accuracy(learner: Learner, rows: list[Ticket]) -> float:
    return sum(learner.classify(text).category is category for text, category, _ in rows) / len(rows)


@settings(max_examples=25, deadline=None)
@given(st.lists(tickets, max_size=12), st.lists(tickets, max_size=12))
def test_forgetting_restores_what_was_before(kept: list[Ticket], forgotten: list[Ticket]) -> None:
    learner = taught(kept + forgotten)
    learner.classify("something in between")
    for row in forgotten:
        learner.remove(*row)
    assert len(learner) == len(kept)
    assert [learner.classify(text) for text in PROBES] == [taught(kept).classify(text) for text in PROBES]


@settings(max_examples=25, deadline=None)
@given(st.lists(tickets, min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_workers_that_know_the_same_tickets_agree(rows: list[Ticket], chance: random.Random) -> None:
    other = Learner()
    shuffled = chance.sample(rows, len(rows))
    for row in shuffled:
        other.add(*row)
        # This worker is asked all the time, the other one only at the end.
        other.classify(PROBES[0])
    assert [other.classify(text) for text in PROBES] == [taught(rows).classify(text) for text in PROBES]


def test_more_tickets_than_ballots_agree_in_any_order() -> None:
    rows = [row for name in ("office", "retail", "neobank", "public") for row in desk(name)]
    assert len(rows) > 200
    backwards = taught(rows[::-1])
    assert [backwards.classify(text) for text in PROBES] == [taught(rows).classify(text) for text in PROBES]


def test_what_was_never_learned_cannot_be_forgotten() -> None:
    learner = taught([("a parcel", Category.GENERAL, Priority.LOW)])
    with pytest.raises(KeyError):
        learner.remove("a parcel", Category.BILLING, Priority.LOW)
    learner.remove("a parcel", Category.GENERAL, Priority.LOW)
    with pytest.raises(KeyError):
        learner.remove("a parcel", Category.GENERAL, Priority.LOW)


def test_a_desk_may_have_its_own_idea_of_a_category() -> None:
    text = "My parcel has not arrived"
    learner = Learner()
    assert learner.classify(text).category is Category.GENERAL
    for place in islice(cycle(["Leeds", "York", "Hull", "Bath", "Ely"]), 40):
        learner.add(f"The parcel to {place} has not arrived", Category.TECHNICAL, Priority.HIGH)
        learner.add(f"Opening hours in {place}", Category.GENERAL, Priority.LOW)
    verdict = learner.classify(text)
    assert (verdict.category, verdict.priority) == (Category.TECHNICAL, Priority.HIGH)
    assert "parcel" in verdict.words


def test_a_correction_teaches_the_new_label_alone() -> None:
    corrected = taught([("the gizmo squeaks", Category.BILLING, Priority.LOW)])
    corrected.remove("the gizmo squeaks", Category.BILLING, Priority.LOW)
    corrected.add("the gizmo squeaks", Category.TECHNICAL, Priority.LOW)
    right = taught([("the gizmo squeaks", Category.TECHNICAL, Priority.LOW)])
    assert corrected.classify("gizmo") == right.classify("gizmo")


def test_a_label_that_staff_did_not_decide_teaches_nothing() -> None:
    rows: list[Ticket] = [(f"squeaking gizmo {letter}", Category.ACCOUNT, None) for letter in "abcdefghijklmnop"]
    unknown, learned = Learner().classify("gizmo"), taught(rows).classify("gizmo")
    assert learned.priority_confidence == unknown.priority_confidence
    assert learned.category is Category.ACCOUNT


@pytest.mark.parametrize("name", sorted(path.stem for path in EVALUATION.glob("*.txt")))
def test_cold_it_is_right_on_desks_it_has_never_seen(name: str) -> None:
    assert accuracy(Learner(), desk(name)) >= 0.75


@pytest.mark.parametrize("name", ["neobank", "office", "retail", "stadt", "sur"])
def test_learning_does_not_hurt(name: str) -> None:
    rows = desk(name)
    known, unknown = rows[:20], rows[20:]
    assert accuracy(taught(known), unknown) >= accuracy(Learner(), unknown) - 0.03


def test_a_desk_where_nearly_all_is_of_one_kind() -> None:
    rows = [row for name in ("office", "retail", "public") for row in desk(name)]
    technical = [row for row in rows if row[1] is Category.TECHNICAL]
    others = [row for row in rows if row[1] is not Category.TECHNICAL]
    skewed = [*technical, *others[: len(technical) // 9]]
    random.Random(3).shuffle(skewed)
    known, unknown = skewed[:20], skewed[20:]
    assert accuracy(taught(known), unknown) >= accuracy(Learner(), unknown)


def test_critical_is_proposed_seldom_and_to_the_right_ones() -> None:
    rows = [row for path in sorted(EVALUATION.glob("*.txt")) for row in desk(path.stem)]
    learner = Learner()
    called = [(row[2], learner.classify(row[0]).priority) for row in rows]
    critical = [proposed for truth, proposed in called if truth is Priority.CRITICAL]
    others = [proposed for truth, proposed in called if truth is not Priority.CRITICAL]
    assert critical.count(Priority.CRITICAL) / len(critical) >= 0.6
    assert others.count(Priority.CRITICAL) / len(others) <= 0.06
    assert sum(abs(truth.rank - proposed.rank) <= 1 for truth, proposed in called if truth) / len(called) >= 0.9


def test_confidence_is_what_it_says() -> None:
    learner = Learner()
    rows = [row for path in sorted(EVALUATION.glob("*.txt")) for row in desk(path.stem)]
    sure = [(verdict, row) for row in rows if (verdict := learner.classify(row[0])).category_confidence >= 0.8]
    assert sum(verdict.category is row[1] for verdict, row in sure) / len(sure) >= 0.95
    assert len(sure) / len(rows) >= 0.6


def test_only_what_is_read_is_kept() -> None:
    learner = taught([("x" * READ_MAX + " tail", Category.BILLING, Priority.LOW)])
    learner.remove("x" * READ_MAX + " other tail", Category.BILLING, Priority.LOW)
    assert len(learner) == 0


def test_a_lone_surrogate_is_learned_and_forgotten() -> None:
    learner = taught([("\ud800 parcel", Category.BILLING, Priority.LOW)])
    learner.classify("\udfff")
    learner.remove("\ud800 parcel", Category.BILLING, Priority.LOW)


@pytest.mark.parametrize("content", ["too early\n[billing low]", "[billing urgent]\ntext", "[nonsense low]\ntext"])
def test_a_broken_example_file_names_its_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "en.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"en\.txt, line \d"):
        list(read_examples(path))


def test_examples_are_not_evaluated_on() -> None:
    shipped = Path(primer_module.__file__).parent / "examples"
    seen = {example.text for path in shipped.glob("*.txt") for example in read_examples(path)}
    assert seen
    assert not seen & {text for path in EVALUATION.glob("*.txt") for text, *_ in desk(path.stem)}


def test_the_shipped_primer_is_left_as_it_is() -> None:
    before = [list(counts.texts) for counts in shipped_primer()]
    taught([("a", Category.BILLING, Priority.LOW)]).classify("a")
    assert [list(counts.texts) for counts in shipped_primer()] == before


def test_a_primer_of_nothing_leaves_it_to_the_rules() -> None:
    learner = Learner(Primer(Counts(), Counts()))
    assert learner.classify("refund my invoice").category is Category.BILLING


def test_more_texts_are_counted_than_two_bytes_can() -> None:
    few, many = Counts(), Counts()
    for counts in (few, many):
        for number in range(5):
            counts.add([1, number + 2], 0)
    for times in (1, -1):
        for _ in range(1 << 16):
            many.add([7], 0, times)
    assert many.vote([1, 3, 7]) == few.vote([1, 3, 7])
