"""What is measured: each scenario is requests of one kind, the same for every server."""

import http.client
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from tests.bench.data import searched
from tests.bench.desk import EMAIL, PASSWORD, Desk
from ticketdesk.models.ticket import FIRST_ID

DEEP = 500_000


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests to send in turns: paths, and bodies where the method has them.

    ``again`` is how a page that refreshes itself asks: with the ETag of the answer before.
    """

    paths: list[str]
    method: str = "GET"
    bodies: tuple[str, ...] = ()
    cookie: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the table. ``grows`` is how much its p50 may grow from 1,000 to 1,000,000 tickets."""

    name: str
    make: Callable[[Desk], Requests]
    grows: float
    only_ours: bool = False


class NotMeasurableError(Exception):
    """The server does not offer what the scenario measures; ``str()`` says what is missing."""


def _list(**query: str) -> Callable[[Desk], Requests]:
    return lambda desk: Requests([f"/api/tickets/?{urlencode(query)}"])


def _hello(desk: Desk) -> Requests:
    return Requests(["/healthz"])


def _deep(desk: Desk) -> Requests:
    """The page that following the links leads to, half a desk or half a million tickets deep."""
    path = "/api/tickets/?limit=200"
    for _ in range(min(DEEP, desk.tickets // 2) // 200):
        link = re.search(r'<([^>]+)>; rel="next"', desk.get(path).getheader("Link", ""))
        if link is None:
            raise NotMeasurableError("its pages have no links to follow")
        parts = urlsplit(link[1])
        path = f"{parts.path}?{parts.query}"
    return Requests([path.replace("limit=200", "limit=50")])


def _search(kind: str) -> Callable[[Desk], Requests]:
    def make(desk: Desk) -> Requests:
        words = searched()
        typed = f"TD-{FIRST_ID + 500}" if kind == "reference" else getattr(words, kind)
        return Requests([f"/api/tickets/?{urlencode({'search': typed})}"])

    return make


def _mixed_filters(desk: Desk) -> Requests:
    """Combinations of filters and orders, common and rare ones."""
    choose = random.Random(7)
    statuses, priorities = ("open", "in_progress", "resolved", "closed"), ("low", "medium", "high", "critical")
    categories = ("billing", "technical", "account", "general")
    paths = []
    for _ in range(60):
        query = [("status", word) for word in choose.sample(statuses, choose.randrange(3))]
        query += [("priority", word) for word in choose.sample(priorities, choose.randrange(3))]
        query += [("category", word) for word in choose.sample(categories, choose.randrange(2))]
        paths.append(f"/api/tickets/?{urlencode(query)}")
    return Requests(paths)


def _sorted(desk: Desk) -> Requests:
    sorts = ("created_at", "-updated_at", "updated_at", "-priority", "priority", "status", "-status", "category")
    filters = ("", "&status=open", "&status=closed&priority=critical", "&category=account&category=billing")
    return Requests([f"/api/tickets/?sort={sort}{wanted}" for sort in sorts for wanted in filters])


def _searched_and_filtered(desk: Desk) -> Requests:
    words = searched()
    typed = (words.rare, words.common, words.pair, words.prefix)
    filters = ("status=open", "status=open&priority=high", "category=billing", "status=closed&priority=critical")
    return Requests(
        [
            f"/api/tickets/?{urlencode({'search': word, 'sort': sort})}&{wanted}"
            for sort in ("-created_at", "-updated_at", "-priority")
            for word in typed
            for wanted in filters
        ]
    )


def _one(desk: Desk) -> Requests:
    choose, ids = random.Random(8), _ids(desk)
    return Requests([f"/api/tickets/{choose.choice(ids)}/" for _ in range(200)])


def _ids(desk: Desk) -> Sequence[int]:
    """Tickets that are there: of ours all that were written, of another server's the newest ones."""
    if desk.dsn is not None:
        return range(FIRST_ID, FIRST_ID + desk.tickets)
    return [ticket["id"] for ticket in json.loads(desk.get("/api/tickets/?limit=200").read())]


def _create(desk: Desk) -> Requests:
    body = {
        "title": "Charged twice",
        "description": "My card was charged twice for one invoice.",
        "category": "billing",
    }
    return Requests(["/api/tickets/"], "POST", (json.dumps(body | {"priority": "high"}),))


def _patch(desk: Desk) -> Requests:
    choose, ids = random.Random(9), _ids(desk)
    paths = [f"/api/tickets/{choose.choice(ids)}/" for _ in range(997)]
    return Requests(paths, "PATCH", tuple(json.dumps({"status": word}) for word in ("in_progress", "resolved", "open")))


def _console(path: str, *, again: bool = False) -> Callable[[Desk], Requests]:
    return lambda desk: Requests([path], cookie=_signed_in(desk), again=again)


def _console_ticket(desk: Desk) -> Requests:
    choose, ids = random.Random(10), _ids(desk)
    return Requests([f"/staff/tickets/{choose.choice(ids)}" for _ in range(200)], cookie=_signed_in(desk))


SCENARIOS = (
    Scenario("hello (floor of the web server)", _hello, 1.3, only_ours=True),
    Scenario("list, first page", _list(), 1.3),
    Scenario("list, deep page", _deep, 1.3),
    Scenario("filtered, open and high", _list(status="open", priority="high"), 1.5),
    Scenario("filtered, any combination", _mixed_filters, 1.5),
    Scenario("sorted and filtered", _sorted, 1.5),
    Scenario("search, rare word", _search("rare"), 3),
    Scenario("search, common word", _search("common"), 3),
    Scenario("search, two words", _search("pair"), 3),
    Scenario("search, prefix", _search("prefix"), 3),
    Scenario("search, reference", _search("reference"), 3),
    Scenario("search, phrase", _search("phrase"), 10),
    # What a search may, times what filters may.
    Scenario("search and filters", _searched_and_filtered, 3 * 1.5),
    Scenario("one ticket", _one, 1.3),
    Scenario("stats", lambda desk: Requests(["/api/tickets/stats/"]), 1.2),
    Scenario("create", _create, 1.3),
    Scenario("change status", _patch, 1.3),
    Scenario("console, dashboard", _console("/staff/"), 1.2, only_ours=True),
    Scenario("console, queue", _console("/staff/queue/"), 1.5, only_ours=True),
    Scenario("console, queue, asked again", _console("/staff/queue/rows", again=True), 1.3, only_ours=True),
    Scenario("console, one ticket", _console_ticket, 1.3, only_ours=True),
    Scenario(
        "console, ticket, asked again", _console(f"/staff/tickets/{FIRST_ID}/live", again=True), 1.3, only_ours=True
    ),
)


def _signed_in(desk: Desk) -> str:
    """The session cookie of a signed-in admin."""
    page = desk.get("/staff/sign-in", {"Accept": "text/html"})
    cookie = _cookie(page)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.read().decode())
    if token is None:
        raise SystemExit("bench: the sign-in page has no CSRF token.")
    parts = urlsplit(desk.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    form = urlencode({"csrf_token": token[1], "email": EMAIL, "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    connection.request("POST", "/staff/sign-in", form, headers)
    return _cookie(connection.getresponse())


def _cookie(answer: http.client.HTTPResponse) -> str:
    jar = SimpleCookie()
    for header in answer.headers.get_all("Set-Cookie") or []:
        jar.load(header)
    return "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())
