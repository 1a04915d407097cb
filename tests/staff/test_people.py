"""Staff accounts in the console."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.conftest import signed_in
from tests.factories import PASSWORD, make_staff
from tests.staff.conftest import Send, me, toasts
from ticketdesk.accounts.passwords import verify_password
from ticketdesk.extensions import db
from ticketdesk.models import Role, Staff

NEW = {"name": "Linus", "email": "linus@desk.example", "role": "agent", "password": PASSWORD}


def by_email(email: str) -> Staff | None:
    return db.session.scalar(select(Staff).where(Staff.email == email))


def test_people_are_listed_and_found(admin: FlaskClient) -> None:
    make_staff(name="Margaret Hamilton", email="margaret@desk.example")
    make_staff(name="Ada 100% Lovelace", email="ada@desk.example")
    assert "Margaret Hamilton" in admin.get("/staff/people/").text
    for search, found, lost in (
        ("margaret@", "Margaret", "Ada 100"),
        ("100%", "Ada 100", "Margaret"),
        ("LOVE", "Ada 100", "Margaret"),
    ):
        html = admin.get("/staff/people/", query_string={"search": search}).text
        assert found in html
        assert lost not in html
    assert "Nothing matches" in admin.get("/staff/people/?search=nobody+like+this").text


def test_an_admin_adds_a_person_who_can_sign_in(admin: FlaskClient, send: Send) -> None:
    answer = send(admin, "/staff/people/new/", **NEW)
    assert toasts(answer) == ["Linus can sign in now. Tell them the first password in person."]
    linus = by_email("linus@desk.example")
    assert linus is not None
    assert (linus.role, linus.active) == (Role.AGENT, True)
    assert verify_password(linus.password_hash, PASSWORD)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "a\x00b"}, "cannot be stored"),
        ({"email": "linus"}, "This is not an e-mail address"),
        ({"email": "taken@desk.example"}, "There is an account with this address already."),
        ({"role": "owner"}, "Not a valid choice"),
        ({"password": "short"}, "Choose a password of 10 to 200 characters"),
        ({"password": ""}, "Choose a password."),
    ],
)
def test_faults_stand_beside_their_fields(admin: FlaskClient, send: Send, typed: dict[str, str], sentence: str) -> None:
    make_staff(email="taken@desk.example")
    answer = send(admin, "/staff/people/new/", **NEW | typed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "This field is required" not in answer.text
    assert by_email("linus@desk.example") is None


def test_an_admin_changes_a_person(admin: FlaskClient, send: Send) -> None:
    grace = make_staff(email="grace@desk.example")
    form = admin.get(f"/staff/people/edit/?id={grace.id}").text
    assert 'value="grace@desk.example"' in form
    send(
        admin, f"/staff/people/edit/?id={grace.id}", name="Grace B. Hopper", email="gbh@desk.example",
        role="admin", active="y", password="",
    )  # fmt: skip
    db.session.refresh(grace)
    assert (grace.name, grace.email, grace.role, grace.active) == ("Grace B. Hopper", "gbh@desk.example", "admin", True)
    assert verify_password(grace.password_hash, PASSWORD)


def test_switching_a_person_off_signs_them_out(app: Flask, admin: FlaskClient, send: Send) -> None:
    agent = signed_in(app, Role.AGENT)
    person = me(app, agent)
    assert agent.get("/staff/").status_code == 200
    send(admin, f"/staff/people/edit/?id={person.id}", name=person.name, email=person.email, role="agent")
    assert agent.get("/staff/").location == "/staff/sign-in?next=/staff/"


def test_a_new_password_from_an_admin_signs_the_person_out(app: Flask, admin: FlaskClient, send: Send) -> None:
    agent = signed_in(app, Role.AGENT)
    person = me(app, agent)
    send(
        admin, f"/staff/people/edit/?id={person.id}", name=person.name, email=person.email,
        role="agent", active="y", password="a whole new phrase",
    )  # fmt: skip
    db.session.refresh(person)
    assert verify_password(person.password_hash, "a whole new phrase")
    assert agent.get("/staff/").status_code == 302


def test_an_address_that_is_taken_is_refused_and_nothing_else_is_saved(admin: FlaskClient, send: Send) -> None:
    make_staff(email="taken@desk.example")
    grace = make_staff(name="Grace", email="grace@desk.example")
    answer = send(
        admin, f"/staff/people/edit/?id={grace.id}", name="Other", email="Taken@desk.example", role="agent", active="y"
    )
    assert "There is an account with this address already." in answer.text
    db.session.refresh(grace)
    assert (grace.name, grace.email) == ("Grace", "grace@desk.example")


def test_nobody_takes_their_own_keys_away(app: Flask, admin: FlaskClient, send: Send) -> None:
    person = me(app, admin)
    form = admin.get(f"/staff/people/edit/?id={person.id}").text
    assert 'name="role"' not in form
    assert 'name="password"' not in form
    send(admin, f"/staff/people/edit/?id={person.id}", name="New name", email=person.email, role="agent", password="x")
    db.session.refresh(person)
    assert (person.name, person.role, person.active) == ("New name", "admin", True)
    assert verify_password(person.password_hash, PASSWORD)


def test_agents_see_neither_people_nor_tokens_nor_jobs(agent: FlaskClient) -> None:
    menu = agent.get("/staff/").text
    for path in ("/staff/people/", "/staff/tokens/", "/staff/jobs/"):
        assert f'href="{path}"' not in menu
        answer = agent.get(path)
        assert answer.status_code == 403
        assert "ask an admin" in answer.text
    assert 'href="/staff/suggestions/"' in menu


def test_an_admins_menu_has_it_all(admin: FlaskClient) -> None:
    menu = admin.get("/staff/").text
    assert '<a href="/staff/queue/?view=open&amp;status=open&amp;status=in_progress&amp;snoozed=no"' in menu
    for path in ("/staff/", "/staff/people/", "/staff/tokens/", "/staff/suggestions/", "/staff/jobs/"):
        assert f'<a href="{path}"' in menu
    assert 'href="/staff/tickets/"' not in menu
