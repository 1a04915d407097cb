"""The one-time link that makes the first admin."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import make_url, select
from werkzeug.test import TestResponse

from tests.accounts.signing import make_grace
from tests.conftest import csrf_header
from ticketdesk.accounts import service as accounts
from ticketdesk.extensions import db
from ticketdesk.models import Role, Staff

FORM = {
    "name": "Ada Lovelace",
    "email": "ada@desk.example",
    "password": "correct horse battery",
    "repeated": "correct horse battery",
}


def link_of(desk: Flask) -> str:
    with desk.app_context():
        link = accounts.setup_link("")
    assert link is not None
    return link


def send(client: FlaskClient, link: str, **typed: str) -> TestResponse:
    return client.post(link, data=FORM | typed, headers=csrf_header(client))


def test_the_link_makes_the_first_admin_and_signs_them_in(desk: Flask) -> None:
    link, client = link_of(desk), desk.test_client()
    assert client.get(link).status_code == 200
    assert send(client, link).location == "/staff/"
    assert "Welcome, Ada Lovelace." in client.get("/staff/").text
    assert client.get("/staff/people/").status_code == 200
    with desk.app_context():
        ada = db.session.scalars(select(Staff)).one()
        assert (ada.email, ada.role, ada.active) == ("ada@desk.example", Role.ADMIN, True)


def test_the_link_works_once(desk: Flask) -> None:
    link = link_of(desk)
    make_grace(desk)
    client = desk.test_client()
    for answer in (client.get(link), send(client, link)):
        assert answer.status_code == 410
        assert "set up already" in answer.text
        assert "/staff/sign-in" in answer.text
    with desk.app_context():
        assert accounts.setup_link("") is None


@pytest.mark.parametrize("key", ["x", "ImZpcnN0LWFkbWluIg.forged", "%00", "a" * 3000, "ImZpcnN0LWFkbWluIg"])
def test_a_wrong_link_says_how_to_get_a_fresh_one(desk: Flask, key: str) -> None:
    client = desk.test_client()
    for answer in (client.get(f"/staff/set-up/{key}"), send(client, f"/staff/set-up/{key}")):
        assert answer.status_code == 404
        assert "./run flask setup-link" in answer.text


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": " "}, "Enter your name."),
        ({"name": "x" * 201}, "A name has at most 200 characters."),
        ({"name": "Ada\x00"}, "cannot be stored"),
        ({"email": "ada"}, "This is not an e-mail address"),
        ({"email": "@@"}, "This is not an e-mail address"),
        ({"email": "ada@x\x00"}, "This is not an e-mail address"),
        ({"email": "ada@" + "x" * 260}, "at most 254 characters"),
        ({"password": "short", "repeated": "short"}, "Choose a password of 10 to 200 characters"),
        ({"repeated": "something else"}, "The two passwords are not the same."),
    ],
)
def test_faults_stand_beside_their_fields_and_nothing_is_made(
    desk: Flask, typed: dict[str, str], sentence: str
) -> None:
    link, client = link_of(desk), desk.test_client()
    answer = send(client, link, **typed)
    assert sentence in answer.text
    kept = (FORM | typed)["email"] if "name" in typed else (FORM | typed)["name"]
    assert f'value="{kept}"' in answer.text
    with desk.app_context():
        assert not accounts.any_staff()


def test_of_two_people_with_the_link_one_is_first(desk: Flask) -> None:
    link = link_of(desk)
    dsn = make_url(desk.config["SQLALCHEMY_DATABASE_URI"]).set(drivername="postgresql")
    with psycopg.connect(dsn.render_as_string(hide_password=False), autocommit=True) as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", [accounts.SETUP_LOCK])
        with ThreadPoolExecutor(2) as pool:
            answers = [
                pool.submit(send, desk.test_client(), link, email=f"{name}@desk.example") for name in ("ada", "bob")
            ]
            # Both have read that there is no account yet and wait for the lock.
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            for _ in itertools.takewhile(lambda _: gate.execute(waiting).fetchone() != (2,), range(100_000)):
                pass
            gate.execute("SELECT pg_advisory_unlock(%s)", [accounts.SETUP_LOCK])
            assert sorted(answer.result().status_code for answer in answers) == [302, 410]
    with desk.app_context():
        assert len(db.session.scalars(select(Staff)).all()) == 1
