"""The schema's way up and down."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import flask_migrate
import psycopg
import sqlalchemy as sa
from flask import Flask
from psycopg.errors import DeadlockDetected

from tests.conftest import opened, settings_for
from tests.processes.watch import PATIENCE, until
from ticketdesk import create_app, embedded
from ticketdesk.extensions import db
from ticketdesk.health import database_revision, wanted_revision


def leftovers() -> set[str]:
    """Everything in the database that a migration could have made."""
    rows = db.session.execute(
        sa.text(
            """
            SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
            UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
            """
        )
    )
    names = {row.relname for row in rows}
    return {name for name in names if not name.lstrip("_").startswith("alembic_version")}


def test_down_leaves_nothing_and_up_again_works(cluster: embedded.Cluster, committed_url: str) -> None:
    with opened(create_app(settings_for(committed_url))) as app, app.app_context():
        assert database_revision() == wanted_revision()
        db.session.rollback()
        flask_migrate.downgrade(revision="base")
        assert leftovers() == set()
        db.session.rollback()
        flask_migrate.upgrade()
        assert database_revision() == wanted_revision()


def test_indexes_are_kept_up_as_the_models_say(app: Flask) -> None:
    # Alembic's comparison, which finds columns and indexes that differ, does not look at these.
    rows = db.session.execute(sa.text("SELECT relname, coalesce(reloptions, '{}') FROM pg_class"))
    kept = {name: set(options) for name, options in rows}
    for table in db.metadatas[None].tables.values():
        for index in table.indexes:
            wanted = {f"{name}={value}" for name, value in index.dialect_options["postgresql"]["with"].items()}
            assert kept[str(index.name)] == wanted, index.name


def test_a_database_behind_the_code_is_not_ready(committed_url: str) -> None:
    with opened(create_app(settings_for(committed_url))) as app:
        with app.app_context():
            flask_migrate.downgrade(revision="0001")
        answer = app.test_client().get("/readyz")
        assert answer.status_code == 503
        assert answer.mimetype == "application/problem+json"
        assert b"flask db upgrade" in answer.data


def test_an_app_without_its_database_is_alive_and_not_ready() -> None:
    app: Flask = create_app(settings_for("postgresql://nobody@127.0.0.1:1/none"))
    client = app.test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_a_migration_that_the_desk_is_in_the_way_of_is_tried_again(committed_url: str) -> None:
    """Whoever writes an event and then asks for its ticket waits for the migration, as it waits for them."""
    url = committed_url.replace("postgresql+psycopg", "postgresql")
    with (
        opened(create_app(settings_for(committed_url))) as app,
        psycopg.connect(url) as writer,
        psycopg.connect(url, autocommit=True) as watcher,
    ):
        with app.app_context():
            flask_migrate.downgrade(revision="0011")

        def upgrade() -> None:
            with app.app_context():
                flask_migrate.upgrade(revision="0012")

        writer.execute("LOCK TABLE event IN ROW EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as elsewhere:
            migrated = elsewhere.submit(upgrade)
            waits = "SELECT FROM pg_locks WHERE relation = 'event'::regclass AND NOT granted"
            until(lambda: watcher.execute(waits).fetchone() is not None)
            # PostgreSQL ends whoever has waited longer: the writer, where the machine stands still for a second.
            with contextlib.suppress(DeadlockDetected):
                writer.execute("LOCK TABLE ticket IN ROW EXCLUSIVE MODE")
            writer.rollback()
            migrated.result(PATIENCE)
        with app.app_context():
            assert database_revision() == "0012"
