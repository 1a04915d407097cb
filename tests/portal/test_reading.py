"""Reading changes nothing, whoever reads: programs that scan mails open every link in them."""

import hashlib

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_ticket
from tests.jobs.drain import run_jobs
from ticketdesk.accounts import customers
from ticketdesk.core.actors import SYSTEM
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.mail import subscriptions
from ticketdesk.models import Ticket
from ticketdesk.portal.mine import COOKIE
from ticketdesk.tickets import service

ADA = "ada@example.com"
# Counting requests is no change.
BUT_FOR = {"rate_limit", "alembic_version"}


@pytest.fixture
def ticket(app: Flask) -> Ticket:
    """A resolved ticket."""
    ticket = service.locked(make_ticket().id)
    service.change_status(ticket, Status.RESOLVED, SYSTEM)
    db.session.commit()
    run_jobs()
    return ticket


def everything() -> str:
    """A hash of all rows of all tables."""
    tables = db.session.scalars(
        sa.text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    ).all()
    assert set(tables) > BUT_FOR | {"ticket", "customer_key", "procrastinate_jobs"}
    whole = hashlib.sha256()
    for table in sorted(set(tables) - BUT_FOR):
        rows = db.session.scalars(sa.text(f'SELECT to_jsonb(t)::text FROM "{table}" AS t ORDER BY 1')).all()
        whole.update(repr((table, rows)).encode())
    return whole.hexdigest()


def addresses(app: Flask, ticket: Ticket) -> list[str]:
    """Every address of the portal that can be fetched, with the secrets that make it work."""
    keys = {
        "portal.mine.arrive": customers.make_link_key(ADA),
        "portal.subscription.show": subscriptions.unsubscribe_url(ADA).rpartition("/")[2],
    }
    found = []
    for route in app.url_map.iter_rules():
        if route.endpoint.startswith("portal.") and "GET" in (route.methods or ()):
            samples = {"link": ticket.link_id.hex, "key": keys.get(route.endpoint), "attachment_id": 1}
            built = route.build({name: samples[name] for name in route.arguments})
            assert built is not None
            found.append(built[1])
    return found


def test_no_address_changes_anything(app: Flask, client: FlaskClient, ticket: Ticket) -> None:
    client.set_cookie(COOKIE, customers.sign_in(customers.make_link_key(ADA)), path="/my")
    paths = addresses(app, ticket)
    db.session.commit()
    before = everything()
    query = "?rating=good&status=closed&mails=off&email=ada@example.com&List-Unsubscribe=One-Click"
    for path in paths:
        for method in ("HEAD", "GET", "OPTIONS"):
            for address in (path, path + query):
                assert client.open(address, method=method).status_code in {200, 302, 404}
    db.session.expire_all()
    assert everything() == before
