"""What Flask-Admin's lists have in common: odd addresses, and doors that are not there."""

import pytest
from flask.testing import FlaskClient

from tests.factories import make_staff, make_ticket, make_token
from tests.staff.conftest import Send
from ticketdesk.ai import record
from ticketdesk.ai.suggest import Suggestion
from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.extensions import db
from ticketdesk.models import Occasion

LISTS = ("/staff/people/", "/staff/tokens/", "/staff/suggestions/")


def suggested(title: str, *, engine: str | None = "local", failure: str | None = None) -> None:
    """A ticket called ``title`` and the suggestion that was made about it."""
    ticket = make_ticket(title)
    suggestion = Suggestion(
        took_ms=3.2,
        engine=engine,
        model="rules-1" if engine else None,
        category=Category.BILLING if engine else None,
        priority=Priority.LOW if engine else None,
        category_confidence=0.9 if engine else None,
        priority_confidence=0.8 if engine else None,
        failure=failure,
    )
    record.attach(record.record(suggestion, Occasion.FORM), ticket)
    db.session.commit()


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=-1", 400),
        ("page=999999999999999999999", 400),
        ("page=1001", 400),
        ("page=2", 200),
        ("page=x", 200),
        ("search=%00", 400),
        ("search=%5C", 200),
        ("search==%5C", 200),
        ("search=%25_", 200),
        ("search=" + "a+" * 2000, 200),
        ("search=%ff", 200),
        ("sort=99", 200),
        ("sort=-1&desc=5", 200),
        ("sort=x", 200),
        ("page_size=-5", 200),
        ("page_size=1000000", 200),
        ("flt0_0=x", 200),
        ("flt0_name_equals=x&flt=1&flt_=", 200),
        ("url=//evil.example", 200),
        ("url=/%0aSet-Cookie:a", 200),
        ("search=x&_scheme=javascript&_external=1&_anchor=x&_method=POST", 200),
    ],
)
def test_an_odd_address_is_never_an_error_of_ours(admin: FlaskClient, path: str, query: str, status: int) -> None:
    make_token()
    answer = admin.get(f"{path}?{query}")
    assert answer.status_code == status
    assert "javascript:" not in answer.text
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("number", ["", "abc", "0", "-1", "999999", "9" * 30, "9" * 5000, "1,2", "%00", "1.5"])
def test_a_person_that_is_not_there_is_not_found(admin: FlaskClient, number: str) -> None:
    assert admin.get(f"/staff/people/edit/?id={number}").status_code in {400, 404}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("view", ["delete/", "action/", "export/csv/", "ajax/lookup/", "ajax/update/", "details/?id=1"])
def test_views_that_nobody_needs_have_no_address(admin: FlaskClient, send: Send, path: str, view: str) -> None:
    assert admin.get(path + view).status_code == 404
    assert send(admin, path + view, id="1", action="delete", rowid="1").status_code == 404


def test_suggestions_are_only_read(admin: FlaskClient, send: Send) -> None:
    for view in ("new/", "edit/?id=1"):
        assert admin.get(f"/staff/suggestions/{view}").status_code == 404
        assert send(admin, f"/staff/suggestions/{view}").status_code == 404


def test_pages_lead_on_and_back(admin: FlaskClient) -> None:
    for number in range(60):
        make_staff(name=f"Person {number:02}")
    first = admin.get("/staff/people/?search=person").text
    assert "Person 59" in first
    assert "Person 09" not in first
    assert 'rel="next" href="/staff/people/?page=1&amp;search=person' in first
    second = admin.get("/staff/people/?page=1&search=person").text
    assert "Person 09" in second
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second


def test_suggestions_stand_next_to_what_was_chosen(agent: FlaskClient) -> None:
    suggested("Overruled")
    suggested("Unanswered", engine=None, failure="timeout")
    html = agent.get("/staff/suggestions/").text
    assert html.count('<td data-label="Ticket">') == 2
    assert "90 %" in html
    assert "None answered" in html
    overruled = agent.get("/staff/suggestions/?show=overruled").text
    assert "90 %" in overruled
    assert "None answered" not in overruled
    failed = agent.get("/staff/suggestions/?show=failed").text
    assert "timeout" in failed
    assert "90 %" not in failed
    assert agent.get("/staff/suggestions/?show=x").status_code == 400
