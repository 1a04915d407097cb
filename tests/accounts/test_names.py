"""Names and addresses of accounts and tokens, as odd as people and programs send them."""

import pytest
from flask import Flask

from tests.factories import PASSWORD
from ticketdesk.accounts import service as accounts
from ticketdesk.core.errors import Invalid
from ticketdesk.models import Role, Scope


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\x00b", "\ud800"])
def test_a_name_that_cannot_be_kept_is_refused(app: Flask, name: str) -> None:
    with pytest.raises(Invalid):
        accounts.create_staff("ada@example.com", name, Role.AGENT, PASSWORD)
    with pytest.raises(Invalid):
        accounts.create_token(name, Scope.READ)


@pytest.mark.parametrize(
    "email", ["", "ada", "a@", "@b", "a@b@c", "a b@c.de", "a@b\n.de", "a\x00@b.de", "a" * 250 + "@b.de"]
)
def test_an_address_that_is_none_is_refused(app: Flask, email: str) -> None:
    with pytest.raises(Invalid):
        accounts.create_staff(email, "Ada", Role.AGENT, PASSWORD)
