"""A desk with 10,000 tickets of a quarter of a year, and outages to plant into it."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import cloned, opened, rolled_back, settings_for
from ticketdesk import create_app, embedded
from ticketdesk.core import clock
from ticketdesk.demo.texts import People, compose, read_scenarios
from ticketdesk.extensions import db

TICKETS = 10_000
DAYS = 90

Plant = Callable[..., list[int]]


@pytest.fixture(scope="package")
def full_app(cluster: embedded.Cluster, template: str, worker_id: str) -> Iterator[Flask]:
    """Its tickets are demo customers' titles and descriptions in new pairs; none is of the last hour."""
    with (
        cloned(cluster, template, f"search_{worker_id}_{os.getpid()}") as url,
        opened(create_app(settings_for(url))) as app,
    ):
        with app.app_context():
            rng = Random(5)
            scenarios = read_scenarios()
            people = People(rng, len(scenarios))
            texts = [compose(each, people.somebody(each.language), clock.now(), rng) for each in scenarios]
            db.session.execute(
                sa.text(
                    """
                    WITH told AS (
                        SELECT array_agg(title) AS titles, array_agg(description) AS descriptions
                        FROM unnest(CAST(:titles AS text[]), CAST(:descriptions AS text[])) AS text (title, description)
                    )
                    INSERT INTO ticket (title, description, created_at)
                    SELECT titles[1 + abs(hashint4(number) % cardinality(titles))],
                        descriptions[1 + abs(hashint4(-number) % cardinality(titles))],
                        now() - interval '1 hour' - interval '1 day' * CAST(:days AS float) * number / :tickets
                    FROM told, generate_series(1, :tickets) AS number
                    """
                ),
                {
                    "titles": [title for title, _ in texts],
                    "descriptions": [description for _, description in texts],
                    "days": DAYS,
                    "tickets": TICKETS,
                },
            )
            db.session.execute(sa.text("ANALYZE ticket"))
            db.session.commit()
            db.session.remove()
        yield app


@pytest.fixture
def full_desk(full_app: Flask) -> Iterator[Flask]:
    """The desk with its tickets; whatever a test adds is rolled back."""
    with rolled_back(full_app) as app:
        yield app


@pytest.fixture
def plant(full_desk: Flask) -> Plant:
    """Add tickets, from a file's name or as (title, description), evenly over the ``minutes`` up to ``until``."""

    def plant(
        told: str | Sequence[tuple[str, str]], *, minutes: float = 50, until: datetime | None = None
    ) -> list[int]:
        texts = read_outage(told) if isinstance(told, str) else told
        last = until or clock.now()
        return [
            db.session.scalars(
                sa.text(
                    "INSERT INTO ticket (title, description, created_at)"
                    " VALUES (:title, :description, :at) RETURNING id"
                ),
                {
                    "title": title,
                    "description": description,
                    "at": last - timedelta(minutes=minutes) * (place / len(texts)),
                },
            ).one()
            for place, (title, description) in enumerate(texts)
        ]

    return plant


def read_outage(name: str) -> list[tuple[str, str]]:
    """The texts of a file of this folder."""
    _comment, *parts = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8").strip().split("\n\n")
    return [(title, description) for title, _, description in (part.partition("\n") for part in parts)]
