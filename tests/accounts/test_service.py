"""The verbs of accounts: people, passwords and tokens."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories import PASSWORD, make_staff
from ticketdesk.accounts import service as accounts
from ticketdesk.accounts.passwords import PASSWORD_MAX, hash_password, verify_password
from ticketdesk.core import clock
from ticketdesk.core.errors import Forbidden, Invalid, Unauthenticated
from ticketdesk.extensions import db
from ticketdesk.models import ApiToken, Role, Scope, Staff

pytestmark = pytest.mark.usefixtures("app")


def change(staff: Staff, by: Staff, *, role: Role | None = None, active: bool = True, email: str | None = None) -> None:
    accounts.change_staff(
        staff, email=email or staff.email, name=staff.name, role=role or Role(staff.role), active=active, by=by
    )


def test_only_a_hash_of_the_password_is_kept() -> None:
    staff = make_staff()
    assert PASSWORD not in staff.password_hash
    assert staff.password_hash.startswith("$argon2id$")
    assert verify_password(staff.password_hash, PASSWORD)
    assert not verify_password(staff.password_hash, PASSWORD.upper())


def test_a_password_may_hold_anything_but_is_never_cut_short() -> None:
    assert verify_password(hash_password("пароль \x00 🔑 ключ"), "пароль \x00 🔑 ключ")
    longest = "x" * PASSWORD_MAX
    assert verify_password(hash_password(longest), longest)
    with pytest.raises(Invalid):
        hash_password(longest + "x")


@pytest.mark.parametrize("stored", [None, "no hash"])
def test_without_a_usable_hash_no_password_fits(stored: str | None) -> None:
    assert not verify_password(stored, PASSWORD)
    assert not verify_password(stored, "nobody")


def test_an_address_has_one_account_however_it_is_written() -> None:
    make_staff(email="Grace@desk.example")
    with pytest.raises(Invalid) as refused:
        accounts.create_staff("grace@DESK.example", "Another Grace", Role.AGENT, PASSWORD)
    assert refused.value.faults[0].field == "email"


def test_switching_an_account_off_ends_its_sessions_and_on_again_does_not_bring_them_back() -> None:
    admin, agent = make_staff(Role.ADMIN), make_staff()
    before = agent.get_id()
    change(agent, admin, active=False)
    assert agent.get_id() != before
    change(agent, admin, active=True)
    assert agent.get_id() != before


def test_a_change_of_role_keeps_the_sessions() -> None:
    admin, agent = make_staff(Role.ADMIN), make_staff()
    before = agent.get_id()
    change(agent, admin, role=Role.ADMIN)
    assert agent.get_id() == before


@pytest.mark.parametrize("what", [{"role": Role.AGENT}, {"active": False}])
def test_nobody_takes_their_own_keys_away(what: dict[str, Role | bool]) -> None:
    admin = make_staff(Role.ADMIN)
    with pytest.raises(Forbidden):
        change(admin, admin, **what)  # type: ignore[arg-type]


def test_a_token_is_found_by_its_secret_alone_and_only_until_it_is_revoked(app: Flask) -> None:
    token, secret = accounts.create_token("Shop", Scope.READ)
    assert secret not in {token.token_hash, token.hint}
    assert secret.startswith(token.hint.removesuffix("…"))
    assert accounts.token_holder(secret)[:3] == (token.id, "Shop", Scope.READ)
    for guess in ("", token.hint, token.token_hash, secret + "x"):
        with pytest.raises(Unauthenticated):
            accounts.token_holder(guess)
    accounts.revoke_token(token)
    revoked_at = token.revoked_at
    accounts.revoke_token(token)
    assert token.revoked_at == revoked_at
    with pytest.raises(Unauthenticated):
        accounts.token_holder(secret)


def test_a_token_that_another_process_revoked_is_refused_a_second_later(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = accounts.create_token("Shop", Scope.READ)
    accounts.token_holder(secret)
    db.session.execute(sa.update(ApiToken).values(revoked_at=clock.now()))
    later = clock.now() + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(Unauthenticated):
        accounts.token_holder(secret)


def test_the_use_of_a_token_is_noted_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = accounts.create_token("Shop", Scope.READ)
    assert accounts.note_token_use(accounts.token_holder(secret))
    assert not accounts.note_token_use(accounts.token_holder(secret))
    later = clock.now() + timedelta(minutes=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert accounts.note_token_use(accounts.token_holder(secret))
