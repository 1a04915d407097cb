"""The ground every test stands on: a real PostgreSQL, migrated once, and a transaction a test.

One cluster is kept for the checkout. A template database is migrated once for
each state of the migrations, and each pytest worker has a clone of it. A test's
work happens in an outer transaction on one connection and is rolled back.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import flask_migrate
import hypothesis
import psycopg
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask, g, has_app_context
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.test import TestResponse

from config import Bucket as S3Bucket
from config import Settings, load
from tests.factories import make_staff, make_token
from ticketdesk import create_app, embedded, live
from ticketdesk.accounts import passwords
from ticketdesk.extensions import db
from ticketdesk.models import Role, Scope

# The first example of a property test pays for imports and connections, so a deadline would measure those, and how
# long examples take to make is the machine's affair.
# CI tries the same examples every time, so that a change is judged by itself; elsewhere they are new each time.
hypothesis.settings.register_profile(
    "desk",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("desk")


class CompiledTemplates(BytecodeCache):
    """Templates that one app has compiled, for all others of this process: many tests make an app of their own."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take the template's code, if it is there."""
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the template's code."""
        self._code[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = {"bytecode_cache": CompiledTemplates()}

ROOT = Path(__file__).resolve().parent.parent
CLUSTER = ROOT / "var" / "test"
# What tests keep in files is gone with their process.
DATA = Path(tempfile.mkdtemp(prefix="ticketdesk-tests-"))
atexit.register(shutil.rmtree, DATA, ignore_errors=True)
SECRET_KEY = "a-secret-key-for-tests-that-is-long-enough"
SETTINGS: dict[str, bool] = {
    each.metadata["name"]: each.metadata["secret"]
    for table in (Settings, S3Bucket)
    for each in fields(table)
    if each.metadata
}
"""The name of every setting, and whether it is secret."""


def settings_for(database_url: str, **environ: str) -> Settings:
    """Settings as from an environment that sets nothing but these, for tests."""
    given = {
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "PUBLIC_URL": "http://desk.test",
        "LOG_FORMAT": "console",
        "RATELIMIT_ENABLED": "off",
        # What a desk would give up is only slow here, where the machine is busy.
        "DATABASE_STATEMENT_TIMEOUT": "300",
        "DATABASE_LOCK_TIMEOUT": "60",
        "DATABASE_IDLE_TIMEOUT": "3600",
        "TICKETDESK_DATA": str(DATA),
    }
    return load(given | environ, env_file=None)


@pytest.fixture(scope="session")
def cluster() -> Iterator[embedded.Cluster]:
    """The checkout's PostgreSQL for tests, without fsync; it stops with the last process that uses it."""
    cluster = embedded.hold(CLUSTER, test=True)
    yield cluster
    cluster.release()


@pytest.fixture(scope="session")
def template(cluster: embedded.Cluster) -> str:
    """The name of a database that is migrated and empty, to be cloned."""
    migrations = sorted((ROOT / "migrations").rglob("*.py"))
    state = hashlib.sha256(b"".join(path.read_bytes() for path in migrations)).hexdigest()[:12]
    name = f"template_{state}"
    with (CLUSTER / "template.lock").open("w") as lock, _administering(cluster) as connection:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            draft = f"{name}_{os.getpid()}"
            cluster.create_database(draft)
            with opened(create_app(settings_for(cluster.url(draft)))) as app, app.app_context():
                flask_migrate.upgrade()
            connection.execute(f'ALTER DATABASE "{draft}" RENAME TO "{name}"'.encode())
    return name


def _administering(cluster: embedded.Cluster) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(cluster.dsn("postgres"), autocommit=True)


@contextmanager
def cloned(cluster: embedded.Cluster, template: str, name: str) -> Iterator[str]:
    """The URL of a fresh clone of the template, dropped at the end."""
    with _administering(cluster) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        try:
            yield cluster.url(name)
        finally:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def database_url(cluster: embedded.Cluster, template: str, worker_id: str) -> Iterator[str]:
    """This pytest worker's own database, for tests that roll back."""
    with cloned(cluster, template, f"test_{worker_id}_{os.getpid()}") as url:
        yield url


@pytest.fixture
def committed_url(cluster: embedded.Cluster, template: str, worker_id: str) -> Iterator[str]:
    """A database of one test's own, for tests whose parts commit: other processes, threads, a browser."""
    with cloned(cluster, template, f"own_{worker_id}_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def cheap_hashing() -> Iterator[None]:
    """Argon2 at its lowest cost; its own price would be most of what the tests take."""
    usual = passwords._hasher
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield
    passwords._hasher = usual


@pytest.fixture(autouse=True)
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no minute end within a test, for what refreshes itself is drawn anew in the next."""
    monkeypatch.setattr(live, "minute", lambda: 1)


class FreshClient(FlaskClient):
    """A client whose every request starts with an empty `g`, as in production.

    Flask lets a request share the app context that a fixture holds open, and with it `g`,
    where the caller of the request before would still be signed in.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request."""
        if has_app_context():
            for name in list(g):
                g.pop(name)
        return super().open(*args, **kwargs)


@pytest.fixture(scope="session")
def plain_app(database_url: str) -> Iterator[Flask]:
    """The app with default settings; take `app` in tests, which rolls back."""
    with opened(create_app(settings_for(database_url))) as app:
        app.test_client_class = FreshClient
        yield app


@contextmanager
def opened(app: Flask) -> Iterator[Flask]:
    """The app, whose database connections are closed at the end."""
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


@contextmanager
def rolled_back(app: Flask) -> Iterator[Flask]:
    """Let all of the app's work happen in one outer transaction that is rolled back.

    Every commit of the app releases a savepoint. Constraints and triggers are the
    database's own, as in production.
    """
    with app.app_context():
        engines = cast("dict[str | None, object]", db.engines)
        engine = db.engine
        # Rate limits are counted outside every transaction, so they are not rolled back with it.
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM rate_limit"))
        connection = engine.connect()
        outer = connection.begin()
        # The engine's place is taken by the connection: sessions bind to what they find there.
        engines[None] = connection
        db.session.remove()
        db.session.configure(join_transaction_mode="create_savepoint")
        try:
            yield app
        finally:
            db.session.remove()
            engines[None] = engine
            outer.rollback()
            connection.close()


@pytest.fixture
def app(plain_app: Flask) -> Iterator[Flask]:
    """The app, with everything rolled back at the end."""
    with rolled_back(plain_app) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody who is not signed in."""
    return app.test_client()


@pytest.fixture
def bearer(app: Flask) -> Callable[[Scope], dict[str, str]]:
    """The Authorization header of a new token with the scope."""

    def header(scope: Scope) -> dict[str, str]:
        return {"Authorization": f"Bearer {make_token(scope)}"}

    return header


@pytest.fixture
def reader(bearer: Callable[[Scope], dict[str, str]]) -> dict[str, str]:
    """The headers of a program that may read."""
    return bearer(Scope.READ)


@pytest.fixture
def writer(bearer: Callable[[Scope], dict[str, str]]) -> dict[str, str]:
    """The headers of a program that may write."""
    return bearer(Scope.WRITE)


@pytest.fixture
def agent(app: Flask) -> FlaskClient:
    """A signed-in agent."""
    return signed_in(app, Role.AGENT)


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    """A signed-in admin."""
    return signed_in(app, Role.ADMIN)


def signed_in(app: Flask, role: Role) -> FlaskClient:
    """A client with the session of a new staff account."""
    staff = make_staff(role)
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = staff.get_id()
        session["_fresh"] = True
    return client


def csrf_header(client: FlaskClient) -> dict[str, str]:
    """The header with which a page's scripts prove that the request is theirs."""
    with client.session_transaction() as session:
        session["csrf_token"] = "a" * 40
    signer = URLSafeTimedSerializer(client.application.secret_key or "", salt="wtf-csrf-token")
    return {"X-CSRFToken": signer.dumps("a" * 40)}
