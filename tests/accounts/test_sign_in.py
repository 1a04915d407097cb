"""Coming in, going out, and one's own password."""

import pytest
from flask import Flask

from tests.accounts.signing import EMAIL, make_grace, sign_in
from tests.conftest import csrf_header, opened, settings_for
from tests.factories import PASSWORD, make_staff
from ticketdesk import create_app
from ticketdesk.extensions import db
from ticketdesk.models import Staff

NEW_PASSWORD = "a longer pass phrase"


def test_the_right_password_opens_the_console(desk: Flask) -> None:
    make_grace(desk)
    client = desk.test_client()
    answer = sign_in(client, email=f"  {EMAIL.upper()} ")
    assert (answer.status_code, answer.location) == (302, "/staff/")
    assert client.get("/staff/").status_code == 200


def test_who_was_sent_to_sign_in_comes_back_to_where_they_wanted_to_go(desk: Flask) -> None:
    make_grace(desk)
    client = desk.test_client()
    asked = client.get("/staff/queue/?status=open&search=a%26b")
    answer = client.post(
        asked.location, data={"email": EMAIL, "password": PASSWORD}, headers=csrf_header(client), follow_redirects=True
    )
    assert answer.request.full_path == "/staff/queue/?status=open&search=a%26b"


@pytest.mark.parametrize(
    "page",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/staff/\\..\\\\evil.example",
        "/staff/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "staff/queue/",
        "/t/0123",
        " /staff/",
        "/staff/\x00",
    ],
)
def test_nobody_is_led_away_from_the_console(desk: Flask, page: str) -> None:
    make_grace(desk)
    assert sign_in(desk.test_client(), page=page).location == "/staff/"


@pytest.mark.parametrize("email", [EMAIL, "nobody@desk.example", "\x00", EMAIL + "\x00", "x" * 5000, "grace\ud800@x"])
def test_every_mistake_gets_the_same_answer(desk: Flask, email: str) -> None:
    make_grace(desk)
    answer = sign_in(desk.test_client(), "not the password", email=email.encode("utf-8", "replace").decode())
    assert answer.status_code == 422
    assert "The e-mail address or the password is not right." in answer.text


def test_what_was_typed_stays_but_for_the_password(desk: Flask) -> None:
    answer = sign_in(desk.test_client(), "my little secret", email="typo@desk.example")
    assert 'value="typo@desk.example"' in answer.text
    assert "my little secret" not in answer.text


def test_nothing_typed_is_told_beside_the_fields(desk: Flask) -> None:
    answer = sign_in(desk.test_client(), "", email="")
    assert "Enter your e-mail address." in answer.text
    assert "Enter your password." in answer.text


def test_an_account_that_is_switched_off_stays_outside(desk: Flask) -> None:
    with desk.app_context():
        make_staff(email=EMAIL).active = False
        db.session.commit()
    assert sign_in(desk.test_client()).status_code == 422


def test_nothing_of_an_earlier_session_survives(desk: Flask) -> None:
    make_grace(desk)
    client = desk.test_client()
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    sign_in(client)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != "a" * 40


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(desk: Flask, accounts_url: str) -> None:
    make_grace(desk)
    with opened(create_app(settings_for(accounts_url, PUBLIC_URL="https://desk.test"))) as by_https:
        client = by_https.test_client()
        answer = client.post(
            "/staff/sign-in",
            base_url="https://localhost",
            data={"email": EMAIL, "password": PASSWORD},
            headers=csrf_header(client) | {"Referer": "https://localhost/staff/sign-in"},
        )
    cookies = answer.headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"ticketdesk", "ticketdesk_device"}
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


def test_who_is_signed_in_is_not_asked_again(desk: Flask) -> None:
    make_grace(desk)
    client = desk.test_client()
    sign_in(client)
    assert client.get("/staff/sign-in?next=/staff/queue/").location == "/staff/queue/"


def test_signing_out_ends_the_session_and_takes_a_form_of_ours(desk: Flask) -> None:
    make_grace(desk)
    client = desk.test_client()
    sign_in(client)
    assert client.get("/staff/sign-out").status_code == 405
    assert client.post("/staff/sign-out").status_code == 400
    assert client.get("/staff/").status_code == 200
    left = client.post("/staff/sign-out", headers=csrf_header(client))
    assert left.headers["Clear-Site-Data"] == '"cache"'
    assert "You are signed out." in client.get(left.location).text
    assert client.get("/staff/").location == "/staff/sign-in?next=/staff/"


def test_a_new_password_ends_all_other_sessions_and_keeps_this_one(desk: Flask) -> None:
    make_grace(desk)
    here, elsewhere = desk.test_client(), desk.test_client()
    sign_in(here)
    sign_in(elsewhere)
    answer = here.post(
        "/staff/password",
        data={"current": PASSWORD, "password": NEW_PASSWORD, "repeated": NEW_PASSWORD},
        headers=csrf_header(here),
        follow_redirects=True,
    )
    assert "Your password is changed." in answer.text
    assert here.get("/staff/").status_code == 200
    assert elsewhere.get("/staff/").location == "/staff/sign-in?next=/staff/"
    assert sign_in(desk.test_client()).status_code == 422
    assert sign_in(desk.test_client(), NEW_PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"current": "not mine"}, "This is not your current password."),
        ({"current": ""}, "Enter your current password."),
        ({"password": "short", "repeated": "short"}, "Choose a password of 10 to 200 characters"),
        ({"password": "x" * 201, "repeated": "x" * 201}, "Choose a password of 10 to 200 characters"),
        ({"repeated": "a longer pass phrasé"}, "The two passwords are not the same."),
    ],
)
def test_a_password_stays_as_it_is_when_the_form_is_wrong(desk: Flask, typed: dict[str, str], sentence: str) -> None:
    make_grace(desk)
    client = desk.test_client()
    sign_in(client)
    form = {"current": PASSWORD, "password": NEW_PASSWORD, "repeated": NEW_PASSWORD} | typed
    answer = client.post("/staff/password", data=form, headers=csrf_header(client))
    assert sentence in answer.text
    assert sign_in(desk.test_client()).status_code == 302


def test_the_current_password_cannot_be_guessed_from_a_session_either(desk: Flask) -> None:
    make_grace(desk)
    client = desk.test_client()
    sign_in(client)
    form = {"current": "a guess", "password": NEW_PASSWORD, "repeated": NEW_PASSWORD}
    for _ in range(5):
        assert "not your current" in client.post("/staff/password", data=form, headers=csrf_header(client)).text
    answer = client.post("/staff/password", data=form | {"current": PASSWORD}, headers=csrf_header(client))
    assert answer.status_code == 429


def test_the_moment_of_signing_in_is_kept(desk: Flask) -> None:
    staff_id = make_grace(desk)
    sign_in(desk.test_client())
    with desk.app_context():
        staff = db.session.get_one(Staff, staff_id)
        assert staff.signed_in_at is not None
