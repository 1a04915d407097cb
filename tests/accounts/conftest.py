"""Desks whose sign-in counts its attempts, which it does in transactions of its own, so that nothing rolls back."""

import os
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import delete

from tests.conftest import cloned, opened, settings_for
from ticketdesk import create_app, embedded
from ticketdesk.extensions import db
from ticketdesk.models import RateLimit, Staff


@pytest.fixture(scope="package")
def accounts_url(cluster: embedded.Cluster, template: str, worker_id: str) -> Iterator[str]:
    """The URL of a database that the tests of this folder share."""
    with cloned(cluster, template, f"accounts_{worker_id}_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="package")
def shared_desk(accounts_url: str) -> Iterator[Flask]:
    """The app on that database; take `desk` in tests, where nobody has an account yet."""
    with opened(create_app(settings_for(accounts_url))) as app:
        yield app


@pytest.fixture
def desk(shared_desk: Flask) -> Flask:
    """An app without accounts and without counted attempts."""
    with shared_desk.app_context():
        db.session.execute(delete(Staff))
        db.session.execute(delete(RateLimit))
        db.session.commit()
    return shared_desk
