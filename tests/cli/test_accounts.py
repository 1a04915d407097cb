"""`flask token …` and `flask staff …`: what an operator can do without the console."""

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.cli.conftest import Run, refusal
from tests.conftest import signed_in
from tests.factories import PASSWORD, make_staff
from ticketdesk.accounts import service as accounts
from ticketdesk.core.errors import Unauthenticated
from ticketdesk.extensions import db
from ticketdesk.models import ApiToken, Role

NEW_PASSWORD = "a few new words"


def test_a_token_opens_the_api_until_it_is_revoked(run: Run, client: FlaskClient) -> None:
    made = run("token", "create", "Backup script")
    secret = made.stdout.strip()
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/tickets/", headers=headers).status_code == 200

    token = db.session.scalars(sa.select(ApiToken)).one()
    assert f"Token {token.id} (read) for Backup script." in made.stderr
    listed = run("token", "list").stdout
    assert "valid" in listed
    assert "Backup script" in listed
    assert secret not in listed

    assert run("token", "revoke", str(token.id)).exit_code == 0
    assert "revoked" in run("token", "list").stdout
    assert client.get("/api/tickets/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["token", "create", " "], "A name has 1 to 200 characters."),
        (["token", "create", "x" * 201], "A name has 1 to 200 characters."),
        (["token", "revoke", "42"], "There is no token 42; `flask token list` shows them."),
        (["token", "revoke", str(2**63 - 1)], f"There is no token {2**63 - 1}; `flask token list` shows them."),
        (
            ["staff", "reset-password", "nobody@example.com"],
            "There is no account with the address 'nobody@example.com'; `flask staff list` shows them.",
        ),
    ],
    ids=str,
)
def test_what_is_not_so_is_told_in_a_sentence(run: Run, arguments: list[str], said: str) -> None:
    assert refusal(run(*arguments)) == said


@pytest.mark.parametrize(
    "arguments",
    [
        ["token", "create"],
        ["token", "create", "x", "--scope", "everything"],
        ["token", "revoke", "first"],
        ["token", "revoke", "0"],
        ["token", "revoke", str(2**63)],
        ["staff", "reset-password"],
    ],
    ids=str,
)
def test_what_cannot_be_read_shows_how_it_is_written(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")


def test_empty_lists_say_what_to_do(run: Run) -> None:
    assert "flask token create" in run("token", "list").stderr
    assert "flask setup-link" in run("staff", "list").stderr


def test_staff_are_listed_without_their_secrets(run: Run) -> None:
    admin, agent = make_staff(Role.ADMIN, name="Ada Lovelace"), make_staff(name="Grace Hopper")
    agent.active = False
    accounts.authenticate(admin.email, PASSWORD)
    db.session.commit()
    first, second = run("staff", "list").stdout.splitlines()
    seen = f"last signed in {admin.signed_in_at:%Y-%m-%d}"
    assert first.split() == [admin.email, "admin", "active", *seen.split(), "Ada", "Lovelace"]
    assert second.split() == [agent.email, "agent", "off", "never", "signed", "in", "Grace", "Hopper"]
    assert admin.session_key not in first


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [([], f"{NEW_PASSWORD}\n{NEW_PASSWORD}\n"), (["--password-stdin"], f"{NEW_PASSWORD}\n")],
)
def test_a_locked_out_admin_gets_in_again(app: Flask, run: Run, arguments: list[str], typed: str) -> None:
    admin = make_staff(Role.ADMIN, email="ada@example.com")
    before = admin.session_key
    result = run("staff", "reset-password", " ADA@example.com", *arguments, input=typed)
    assert result.exit_code == 0, result.output
    assert NEW_PASSWORD not in result.output
    db.session.expire_all()
    assert accounts.authenticate("ada@example.com", NEW_PASSWORD) is admin
    assert admin.session_key != before
    with pytest.raises(Unauthenticated):
        accounts.authenticate("ada@example.com", PASSWORD)


def test_a_reset_ends_every_session(app: Flask, run: Run) -> None:
    browser = signed_in(app, Role.ADMIN)
    assert browser.get("/api/tickets/").status_code == 200
    (line,) = run("staff", "list").stdout.splitlines()
    run("staff", "reset-password", line.split()[0], "--password-stdin", input=NEW_PASSWORD)
    assert browser.get("/api/tickets/").status_code == 401


@pytest.mark.parametrize("typed", ["short\n", "", "\n", "x" * 201])
def test_a_password_that_cannot_be_used_changes_nothing(run: Run, typed: str) -> None:
    staff = make_staff()
    assert "password of 10 to 200 characters" in refusal(
        run("staff", "reset-password", staff.email, "--password-stdin", input=typed)
    )
    db.session.expire_all()
    assert accounts.authenticate(staff.email, PASSWORD)


def test_an_account_that_is_off_stays_off(run: Run) -> None:
    staff = make_staff()
    staff.active = False
    db.session.commit()
    result = run("staff", "reset-password", staff.email, "--password-stdin", input=NEW_PASSWORD)
    assert result.exit_code == 0
    assert "switched off" in result.stderr
    with pytest.raises(Unauthenticated):
        accounts.authenticate(staff.email, NEW_PASSWORD)
