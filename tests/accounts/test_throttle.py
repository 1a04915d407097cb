"""Guessing is slow, and nobody locks the owner of an account out by it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import text

from tests.accounts.signing import EMAIL, make_grace, sign_in
from tests.conftest import opened, settings_for
from ticketdesk import create_app
from ticketdesk.accounts.throttle import Attempt, make_device
from ticketdesk.core.errors import TooManyAttempts
from ticketdesk.extensions import db


@pytest.fixture
def inside(desk: Flask) -> Iterator[Flask]:
    """The desk, within its app context, for attempts without the page around them."""
    with desk.app_context():
        yield desk


def test_the_sixth_guess_from_one_place_is_refused_even_when_right(desk: Flask) -> None:
    make_grace(desk)
    client = desk.test_client()
    for _ in range(5):
        assert sign_in(client, "a wrong guess").status_code == 422
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "Try again in 15 minutes." in answer.text
    assert 800 < int(answer.headers["Retry-After"]) <= 900
    assert f'value="{EMAIL}"' in answer.text
    assert client.get("/staff/").status_code == 302


def test_the_owner_signs_in_from_elsewhere_meanwhile(desk: Flask) -> None:
    make_grace(desk)
    for _ in range(6):
        sign_in(desk.test_client(), "a wrong guess", address="198.51.100.7")
    assert sign_in(desk.test_client(), address="192.0.2.1").status_code == 302


def test_all_processes_count_together(desk: Flask, accounts_url: str) -> None:
    make_grace(desk)
    with opened(create_app(settings_for(accounts_url))) as second:
        for app in (desk, second, desk, second, desk):
            assert sign_in(app.test_client(), "a wrong guess").status_code == 422
        assert sign_in(second.test_client()).status_code == 429


def test_the_right_password_clears_the_count(desk: Flask) -> None:
    make_grace(desk)
    for _ in range(3):
        for _ in range(4):
            sign_in(desk.test_client(), "a wrong guess")
        assert sign_in(desk.test_client()).status_code == 302


def test_the_wait_ends(inside: Flask) -> None:
    for _ in range(5):
        Attempt(EMAIL, "192.0.2.1").count()
    with pytest.raises(TooManyAttempts):
        Attempt(EMAIL, "192.0.2.1").count()
    db.session.execute(text("UPDATE rate_limit SET expires_at = now() - interval '1 second'"))
    db.session.commit()
    Attempt(EMAIL, "192.0.2.1").count()


def test_one_address_cannot_try_many_accounts(inside: Flask) -> None:
    for number in range(50):
        Attempt(f"person{number}@desk.example", "192.0.2.1").count()
    with pytest.raises(TooManyAttempts):
        Attempt("another@desk.example", "192.0.2.1").count()
    Attempt("another@desk.example", "192.0.2.2").count()


def test_who_signs_in_all_day_behind_one_address_is_not_counted(inside: Flask) -> None:
    for number in range(60):
        attempt = Attempt(f"person{number}@desk.example", "192.0.2.1")
        attempt.count()
        attempt.give_back()


def test_many_addresses_cannot_try_one_account_but_a_known_browser_still_can(inside: Flask) -> None:
    for number in range(100):
        Attempt(EMAIL, f"198.51.100.{number}").count()
    with pytest.raises(TooManyAttempts):
        Attempt(EMAIL, "192.0.2.1").count()
    Attempt(EMAIL, "192.0.2.1", make_device(EMAIL)).count()


def test_a_browser_that_signed_in_before_is_not_locked_out_by_its_neighbours(desk: Flask) -> None:
    make_grace(desk)
    owner = desk.test_client()
    sign_in(owner)
    for _ in range(6):
        sign_in(desk.test_client(), "a wrong guess")
    assert sign_in(desk.test_client()).status_code == 429
    owner.post("/staff/sign-out")
    assert sign_in(owner).status_code == 302


def test_a_known_browser_is_counted_too(inside: Flask) -> None:
    device = make_device(EMAIL)
    for _ in range(5):
        Attempt(EMAIL, "192.0.2.1", device).count()
    with pytest.raises(TooManyAttempts):
        Attempt(EMAIL, "192.0.2.1", device).count()


@pytest.mark.parametrize("cookie", ["", "x", "W10.x", "\x00", None])
def test_a_device_cookie_that_is_not_ours_says_nothing(inside: Flask, cookie: str | None) -> None:
    for _ in range(5):
        Attempt(EMAIL, "192.0.2.1", cookie).count()
    with pytest.raises(TooManyAttempts):
        Attempt(EMAIL, "192.0.2.1", cookie).count()


def test_a_device_cookie_of_another_account_says_nothing(inside: Flask) -> None:
    device = make_device("other@desk.example")
    for _ in range(5):
        Attempt(EMAIL, "192.0.2.1", device).count()
    with pytest.raises(TooManyAttempts):
        Attempt(EMAIL, "192.0.2.1", make_device("third@desk.example")).count()


def test_what_is_refused_does_not_use_up_the_accounts_budget(inside: Flask) -> None:
    for _ in range(200):
        try:
            Attempt(EMAIL, "198.51.100.7").count()
        except TooManyAttempts:
            continue
    Attempt(EMAIL, "192.0.2.1").count()


def test_attempts_at_the_same_moment_cannot_all_pass(desk: Flask) -> None:
    def passes(_number: int) -> bool:
        with desk.app_context():
            try:
                Attempt(EMAIL, "192.0.2.1").count()
            except TooManyAttempts:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(passes, range(24))) == 5


def test_switching_request_limits_off_leaves_this_one_on(desk: Flask) -> None:
    assert desk.config["SETTINGS"].ratelimit_enabled is False
    for _ in range(5):
        sign_in(desk.test_client(), "a wrong guess")
    assert sign_in(desk.test_client(), "a wrong guess").status_code == 429


def test_counts_hold_no_addresses_in_clear(inside: Flask) -> None:
    Attempt(EMAIL, "192.0.2.1").count()
    keys = db.session.scalars(text("SELECT key FROM rate_limit")).all()
    assert keys
    assert not any(EMAIL in key for key in keys)
