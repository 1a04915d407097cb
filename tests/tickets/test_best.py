"""The best matches first."""

import pytest
from flask import Flask

from tests.factories import make_ticket
from ticketdesk.core.errors import Invalid
from ticketdesk.core.vocabulary import Status
from ticketdesk.tickets import best
from ticketdesk.tickets.filter import Filter


def walk(wanted: Filter, limit: int) -> list[str]:
    titles: list[str] = []
    cursor = None
    while True:
        page = best.page(wanted, cursor=cursor, limit=limit)
        titles += [row.title for row in page.rows]
        if page.next is None:
            return titles
        cursor = page.next


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_a_title_is_worth_more_than_a_text_and_the_newest_of_equals_come_first(app: Flask, limit: int) -> None:
    for title, text in (
        ("Old printer", "It burns"),
        ("Nothing", "No word"),
        ("Burning", "The printer in the office"),
        ("New printer", "It burns"),
    ):
        make_ticket(title, text)
    expected = ["New printer", "Old printer", "Burning"]
    assert walk(Filter(search="printer", best=True), limit) == expected
    assert walk(Filter(search="printer", best=True, status=frozenset({Status.OPEN})), limit) == expected
    assert walk(Filter(search="printer", best=True, status=frozenset({Status.CLOSED})), limit) == []


def test_a_reference_comes_first(app: Flask) -> None:
    ticket = make_ticket("One", "Something")
    make_ticket(f"As in {ticket.reference}", f"{ticket.reference}, {ticket.reference}")
    assert next(row.id for row in best.page(Filter(search=ticket.reference, best=True)).rows) == ticket.id


def test_what_is_older_than_the_newest_thousand_is_left_out(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best, "RANKED_MAX", 2)
    make_ticket("Printer printer printer", "printer")
    make_ticket("Second", "printer")
    make_ticket("Third", "printer")
    assert walk(Filter(search="printer", best=True), 50) == ["Third", "Second"]


@pytest.mark.parametrize("cursor", ["", "x", "W10", "bnVsbA", "WyJiZXN0IiwxLDIsM10", "WyItY3JlYXRlZF9hdCIsMSwyXQ"])
def test_a_cursor_that_is_none_is_refused(app: Flask, cursor: str) -> None:
    with pytest.raises(Invalid):
        best.page(Filter(search="printer", best=True), cursor=cursor)
