"""API tokens in the console."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories import make_token
from tests.staff.conftest import Send, me, toasts
from ticketdesk.extensions import db
from ticketdesk.models import ApiToken, Scope


def test_a_token_is_shown_once_and_works(app: Flask, admin: FlaskClient, send: Send) -> None:
    answer = send(admin, "/staff/tokens/new/", name="Shop backend", scope="write")
    (secret,) = set(re.findall(r"td_[\w-]{43}", answer.text))
    assert answer.headers["Cache-Control"] == "no-store"
    token = db.session.scalars(select(ApiToken)).one()
    assert (token.name, token.scope, token.created_by) == ("Shop backend", Scope.WRITE, me(app, admin))
    program = app.test_client()
    assert program.get("/api/tickets/", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    page = admin.get("/staff/tokens/").text
    assert "Shop backend" in page
    assert token.hint in page
    assert secret not in page


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": ""}, "Name the program"),
        ({"name": "x" * 201}, "at most 200"),
        ({"scope": "all"}, "Not a valid choice"),
    ],
)
def test_faults_stand_beside_their_fields(admin: FlaskClient, send: Send, typed: dict[str, str], sentence: str) -> None:
    answer = send(admin, "/staff/tokens/new/", **{"name": "Shop", "scope": "read"} | typed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert db.session.scalar(select(ApiToken)) is None


def test_a_revoked_token_is_refused_at_once(app: Flask, admin: FlaskClient, send: Send) -> None:
    bearer = {"Authorization": f"Bearer {make_token()}"}
    token = db.session.scalars(select(ApiToken)).one()
    answer = send(admin, "/staff/tokens/revoke/", id=token.id)
    assert toasts(answer) == [f"“{token.name}” is revoked."]
    assert "Revoked" in answer.text
    assert app.test_client().get("/api/tickets/", headers=bearer).status_code == 401


@pytest.mark.parametrize("number", ["", "0", "x", "9" * 30, "9" * 5000])
def test_a_token_that_is_not_there_is_not_found(admin: FlaskClient, send: Send, number: str) -> None:
    assert send(admin, "/staff/tokens/revoke/", id=number).status_code == 404


def test_a_desk_without_tokens_says_what_they_are_for(admin: FlaskClient) -> None:
    assert "No tokens yet" in admin.get("/staff/tokens/").text


def test_tokens_are_never_edited(admin: FlaskClient, send: Send) -> None:
    make_token()
    token = db.session.scalars(select(ApiToken)).one()
    assert admin.get(f"/staff/tokens/edit/?id={token.id}").status_code == 404
    assert send(admin, f"/staff/tokens/edit/?id={token.id}", name="Other").status_code == 404
