"""A desk whose work is committed, because the engines read and write on connections of their own."""

import os
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.ai.clock import Clock
from tests.conftest import cloned, opened, settings_for
from ticketdesk import create_app, embedded
from ticketdesk.extensions import db


@pytest.fixture(scope="package")
def committing_app(cluster: embedded.Cluster, template: str, worker_id: str) -> Iterator[Flask]:
    with (
        cloned(cluster, template, f"ai_{worker_id}_{os.getpid()}") as url,
        opened(create_app(settings_for(url))) as app,
    ):
        yield app


@pytest.fixture
def desk(committing_app: Flask) -> Iterator[Flask]:
    """The app on a database of its own, which is emptied for each test."""
    with committing_app.app_context():
        db.session.execute(sa.text("TRUNCATE ticket, ai_engine_state, ai_call_count, ai_earlier_answer CASCADE"))
        db.session.commit()
        yield committing_app


@pytest.fixture
def clock() -> Clock:
    return Clock()
