"""The statements of every hot request on a full desk: what PostgreSQL does for them, without a stopwatch.

A plan that reads or sorts more than its page is one that grows with the desk.
There are 100,000 tickets, or as many as PLANS_TICKETS says.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import FreshClient, cloned, csrf_header, opened, settings_for, signed_in
from tests.factories import make_token
from tests.statements import Sent, listening
from ticketdesk import create_app, embedded
from ticketdesk.accounts import customers
from ticketdesk.core.vocabulary import Priority
from ticketdesk.extensions import db
from ticketdesk.models import Role, Scope
from ticketdesk.models.ticket import FIRST_ID
from ticketdesk.portal.mine import COOKIE
from ticketdesk.tickets import counters, queries
from ticketdesk.tickets.filter import Assignee, Filter
from ticketdesk.tickets.pages import PAGE_SIZE, Sort
from ticketdesk.tickets.workflow import ACTIVE

TICKETS = int(os.environ.get("PLANS_TICKETS", "100000"))
# A list is merged from at most 64 stretches, each of which gives a page and the row that tells of the next; the
# matches of a search that are too few for walking the list to find a page of them are sorted, too.
SORTED_MOST = 64 * (PAGE_SIZE + 1)
# Pages of 8 KB that one statement may touch: one for each of those rows, where the index alone does not do, and the way
# to them. The walk of a whole list touches ten times as many.
BUFFERS_MOST = SORTED_MOST + 500

FILL = f"""
INSERT INTO ticket (title, description, requester_email, category, priority, status, assignee_id, tags,
                    created_at, updated_at, gone_at, rating, rated_at)
SELECT 'Ticket ' || md5(n::text),
       CASE WHEN n % 7 = 0 THEN 'printer ' ELSE '' END || CASE WHEN n % 401 = 0 THEN 'walrus ' ELSE '' END
           || CASE WHEN n % 9 = 0 THEN 'on fire' ELSE 'on a desk' END || ' lonely' || n,
       'customer' || n % 30000 || '@example.com',
       (ARRAY['billing', 'technical', 'account', 'general'])[1 + n % 4],
       (ARRAY['low', 'medium', 'high', 'critical'])[1 + (n / 4) % 4],
       CASE WHEN n > {TICKETS} - 3000 THEN (ARRAY['open', 'in_progress'])[1 + n / 16 % 2]
            WHEN n % 500 = 0 THEN 'open' WHEN n % 5 = 0 THEN 'resolved' ELSE 'closed' END,
       CASE WHEN n % 3 > 0 THEN (SELECT min(id) FROM staff) + n % 3 - 1 END,
       CASE WHEN n % 10 = 0 THEN ARRAY['vip'] WHEN n % 999 = 0 THEN ARRAY['recall'] ELSE ARRAY[]::varchar[] END,
       now() - make_interval(mins => 10 * ({TICKETS} - n)), now() - make_interval(mins => 9 * ({TICKETS} - n)),
       CASE WHEN n % 50 = 7 THEN now() END,
       CASE WHEN n % 3 = 0 THEN 'good' END, CASE WHEN n % 3 = 0 THEN now() - make_interval(mins => {TICKETS} - n) END
FROM generate_series(1, {TICKETS}) AS n
"""
EVENTS = """
INSERT INTO event (ticket_id, kind, actor_kind, actor_label, data, created_at)
SELECT id, 'ticket.created', 'customer', 'Customer', to_jsonb(shown), created_at FROM ticket,
    LATERAL (SELECT category, priority, category_set_by, priority_set_by) AS shown
"""


@pytest.fixture(scope="module")
def full_app(cluster: embedded.Cluster, template: str, worker_id: str) -> Iterator[Flask]:
    """The app on a database with 100,000 tickets; what is committed stays."""
    with (
        cloned(cluster, template, f"plans_{worker_id}") as url,
        opened(create_app(settings_for(url))) as app,
        app.app_context(),
    ):
        app.test_client_class = FreshClient
        for _ in range(2):
            signed_in(app, Role.AGENT)
        db.session.flush()
        # Filling is no request, and may take its time on a busy machine.
        for statement in ("SET LOCAL statement_timeout = 0", FILL, EVENTS):
            db.session.execute(sa.text(statement))
        # As the worker does each minute.
        counters.fold()
        db.session.commit()
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("VACUUM (ANALYZE)"))
        yield app


@pytest.fixture(scope="module")
def program(full_app: Flask) -> FlaskClient:
    """A program that may write."""
    client = full_app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {make_token(Scope.WRITE)}"
    db.session.commit()
    return client


@pytest.fixture(scope="module")
def console(full_app: Flask) -> FlaskClient:
    """A signed-in agent."""
    client = signed_in(full_app, Role.AGENT)
    db.session.commit()
    client.environ_base.update({"HTTP_X_CSRFTOKEN": csrf_header(client)["X-CSRFToken"]})
    return client


def plans_of(act: Callable[[], object]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements that an act sends and how PostgreSQL goes about each of them."""
    db.session.remove()
    with listening(db.engine) as heard:
        act()
    address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, cursor_factory=psycopg.ClientCursor) as connection:
        for sent in heard:
            if re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", sent.sql):
                yield sent.sql, _plan(connection, sent)
        connection.rollback()


def _plan(connection: psycopg.Connection, sent: Sent) -> dict[str, Any]:
    """How PostgreSQL goes about a statement: by the plan it keeps for all values where the statement is prepared."""
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
    if not sent.prepared or not sent.values:
        row = connection.execute(f"{explain} {sent.sql}".encode(), sent.values).fetchone()
    else:
        types = {timedelta: "interval"}  # All others PostgreSQL finds out.
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", sent.sql)))
        numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", sent.sql)
        connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        given = ", ".join(types.get(type(sent.values[name]), "unknown") for name in names)
        connection.execute(f"PREPARE kept ({given}) AS {numbered}".encode())
        places = ", ".join(f"%({name})s" for name in names)
        row = connection.execute(f"{explain} EXECUTE kept ({places})".encode(), sent.values).fetchone()
        connection.execute("DEALLOCATE kept")
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def faults(plan: dict[str, Any]) -> Iterator[str]:
    """What in a plan grows with the desk."""
    touched = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    if touched > BUFFERS_MOST:
        yield f"touches {touched} pages"
    for node in nodes(plan):
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in {"ticket", "event"}:
            yield f"reads all of {node['Relation Name']}"
        if "Sort" in node["Node Type"]:
            rows = sum(part["Actual Rows"] * part["Actual Loops"] for part in node["Plans"])
            if rows > SORTED_MOST:
                yield f"sorts {rows:.0f} rows"


def check(client: FlaskClient, path: str, method: str = "GET", **sent: Any) -> None:
    def act() -> None:
        answer = client.open(path, method=method, **sent)
        assert answer.status_code < 400, answer.text

    check_plans_of(act)


def check_plans_of(act: Callable[[], object]) -> None:
    seen = 0
    for statement, plan in plans_of(act):
        seen += "ticket" in statement
        assert not [*faults(plan)], statement
    assert seen, "This asked for no tickets."


def test_the_check_sees_what_grows(full_app: Flask) -> None:
    with psycopg.connect(db.engine.url.set(drivername="postgresql").render_as_string()) as connection:
        for statement, fault in (
            ("SELECT count(description) FROM ticket", "reads all of ticket"),
            ("SELECT title FROM ticket ORDER BY title LIMIT 5", f"sorts {TICKETS} rows"),
        ):
            row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}".encode()).fetchone()
            assert row is not None
            assert fault in [*faults(row[0][0]["Plan"])]


FILTERS = (
    "",
    "status=open",
    "status=open&priority=high",
    "status=open&status=in_progress",
    "category=billing",
    "priority=critical&category=general",
    "status=closed&priority=low&category=technical",
    "status=resolved&status=closed&priority=low&priority=high&priority=critical",
    "assignee=none",
    "assignee=none&status=open",
    "assignee={agent}",
    "assignee={agent}&status=closed",
    "assignee={agent}&assignee=none&status=open&status=in_progress",
    "requester=customer77@example.com",
    "tag=recall",
    "snoozed=true",
    "snoozed=false&status=open",
    "search=lonely4711.",
    "search=printer",
    "search=nobody-wrote-this",
    "search=printer&status=open",
    "search=printer.&status=closed",
    "search=printer+fire&category=billing",
    "search=desk&status=open&priority=high",
    "search=lonely4711&priority=high",
    "search=lonely4711&assignee=none&status=closed",
    "search=printer&tag=recall",
)


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("wanted", FILTERS)
def test_a_list(program: FlaskClient, wanted: str, sort: Sort) -> None:
    agent = db.session.scalar(sa.text("SELECT min(id) FROM staff"))
    check(program, f"/api/tickets/?{wanted.format(agent=agent)}&sort={sort}")


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("wanted", ["", "status=closed", "status=closed&priority=low&priority=high"])
def test_a_page_deep_in_a_list(program: FlaskClient, wanted: str, sort: Sort) -> None:
    path = f"/api/tickets/?{wanted}&sort={sort}&limit=200"
    for _ in range(10):
        path = re.findall("<http://[^/]+([^>]+)>", program.get(path).headers["Link"])[0]
    check(program, path.replace("limit=200", "limit=50"))


SEARCHES = (
    "printer walrus",
    "walr",
    "wa",
    "printer fire",
    "printer.",
    "printer fi",
    "desk or walrus",
    '"on fire"',
    '"printer walrus"',
    f"TD-{FIRST_ID + 500}",
    "-printer fire",
    "printer -fire",
    "-printer",
)


@pytest.mark.parametrize("typed", SEARCHES)
def test_a_search(program: FlaskClient, typed: str) -> None:
    check(program, f"/api/tickets/?search={typed}")


@pytest.mark.parametrize("path", ["stats/", f"{FIRST_ID + 999}/", f"{FIRST_ID + 999}/messages/"])
def test_what_programs_read(program: FlaskClient, path: str) -> None:
    check(program, f"/api/tickets/{path}")


def test_what_programs_write(program: FlaskClient) -> None:
    new = {"title": "Printer", "description": "It is on fire", "category": "general", "priority": "high"}
    check(program, "/api/tickets/", "POST", json=new)
    check(program, f"/api/tickets/{FIRST_ID + TICKETS - 1}/", "PATCH", json={"status": "resolved"})


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(status=ACTIVE, snoozed=False),
        Filter(needs_triage=True, snoozed=False),
        Filter(needs_triage=True, priority=frozenset({Priority.HIGH})),
        Filter(assignee=frozenset({Assignee.NONE}), status=ACTIVE, snoozed=False),
        Filter(snoozed=True),
    ],
)
def test_the_neighbours_of_a_ticket(full_app: Flask, wanted: Filter, sort: Sort) -> None:
    ticket = queries.by_id(FIRST_ID + TICKETS - 2000)
    wanted = replace(wanted, sort=sort)
    check_plans_of(lambda: queries.neighbours(wanted, ticket))
    check_plans_of(lambda: queries.page(wanted))
    check_plans_of(lambda: queries.count(wanted, most=1_000))


@pytest.mark.parametrize("part", ["", "/progress"])
def test_a_customers_page(full_app: Flask, part: str) -> None:
    check(full_app.test_client(), f"/t/{queries.by_id(FIRST_ID + 999).link_id.hex}{part}")


@pytest.mark.parametrize("query", ["", "?cursor=next"])
def test_a_customers_own_list(full_app: Flask, query: str) -> None:
    # More than a page of them.
    db.session.execute(sa.text("UPDATE ticket SET requester_email = 'Ada@example.com' WHERE id % 1000 = 1"))
    client = full_app.test_client()
    client.set_cookie(COOKIE, customers.sign_in(customers.make_link_key("ada@example.com")), path="/my")
    db.session.commit()
    if query:
        [query] = re.findall(r'rel="next" href="/my(.+?)"', client.get("/my").text)
    check(client, f"/my{query}")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "figures",
        "queue/",
        "queue/rows",
        "queue/?status=open&sort=-priority",
        "trash/",
        "queue/?search=walrus+fi",
        "queue/?view=open&status=open&status=in_progress&snoozed=no",
        "queue/rows?triage=yes&snoozed=no&sort=-priority",
        "queue/rows?assignee=me&assignee=none&status=open&status=in_progress&snoozed=no",
        "queue/rows?created_from=2026-01-01&created_to=2026-02-01&requester=customer77@example.com",
        "views/side",
        f"tickets/{FIRST_ID + 999}",
        f"tickets/{FIRST_ID + 999}/live",
    ],
)
def test_a_page_of_the_console(console: FlaskClient, path: str) -> None:
    check(console, f"/staff/{path}")
