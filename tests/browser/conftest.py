"""A real Chromium in front of a real server.

Each test has a database and a server of its own (`desk`) and opens pages in a
fresh browser context (`page`, or `open_page` for phones, dark mode, no
JavaScript and second visitors). A page that logs an error, breaks the content
security policy or misses a static file fails its test.
"""

import os
import shutil
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from tests.conftest import opened, settings_for
from ticketdesk import create_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HERE = Path(__file__).parent
AXE = HERE.parent / "vendor" / "axe-core" / "axe.min.js"
FAILURES = HERE / "failures"

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

PATIENCE = 30_000
"""Milliseconds after which a browser will not do something any more, on however slow a machine."""
expect.set_options(PATIENCE)

OpenPage = Callable[..., Page]
StartDesk = Callable[..., "Desk"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True, slots=True)
class Desk:
    """A running desk: where it listens, and its app for what tests arrange behind the browser's back."""

    url: str
    app: Flask


class _QuietHandler(WSGIRequestHandler):
    # A connection that the browser opened ahead and never used is given up.
    timeout = 10

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep the test output quiet."""


@pytest.fixture
def start_desk(committed_url: str) -> Iterator[StartDesk]:
    """Start a desk whose settings come from the keywords, such as ``AI_TIMEOUT="1"``."""
    with ExitStack() as running:
        yield lambda **environ: _start(running, committed_url, environ)


def _start(running: ExitStack, database_url: str, environ: dict[str, str]) -> Desk:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = settings_for(database_url, **{"PUBLIC_URL": url, "AI_ENGINE": "local"} | environ)
        app = running.enter_context(opened(create_app(settings)))
        server = ThreadedWSGIServer("127.0.0.1", 0, _closing(app), _QuietHandler, fd=listening.fileno())
    # Closing the server then waits for the requests at hand, so that none outlives the database.
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="desk")
    thread.start()
    running.callback(server.server_close)
    running.callback(thread.join)
    running.callback(server.shutdown)
    return Desk(url, app)


def _closing(app: Flask) -> "WSGIApplication":
    """Let an answer be closed with the last reference to it.

    Werkzeug's server forgets to close it when a browser that has seen enough,
    because its context is closed, resets the connection.
    """

    def call(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterator[bytes]:
        answer = app(environ, start_response)
        try:
            yield from answer
        finally:
            if close := getattr(answer, "close", None):
                close()

    return call


@pytest.fixture
def desk(start_desk: StartDesk) -> Desk:
    """A running desk with default settings, an empty database of its own and the local engine."""
    return start_desk()


# Not for the whole session: Playwright keeps an event loop in the main thread, in which
# `asyncio.run` of other folders' tests would be refused.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all browser tests, or a skip that says how to get one."""
    path = os.environ.get("PLAYWRIGHT_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium found: install the package “chromium”, or name one in PLAYWRIGHT_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, desk: Desk, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Open a page in a new browser context; keywords are Playwright's context options."""
    problems: list[str] = []
    pages: list[Page] = []
    with ExitStack() as contexts:

        def open_page(**options: Any) -> Page:
            context = browser.new_context(**{"base_url": desk.url, "viewport": DESKTOP} | options)
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            _watch(page, problems)
            pages.append(page)
            return page

        yield open_page
        if request.node.stash.get(_FAILED, False):
            _keep_pictures(pages, request.node.name)
    assert not problems, "\n".join(problems)


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A page on a screen of 1280 × 900."""
    return open_page()


def axe(page: Page) -> None:
    """Assert that axe-core finds nothing serious or critical on the page as it stands."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    # What fades or moves is looked at where it ends, not at a colour on the way; a spinner never ends.
    page.evaluate(
        "() => document.getAnimations()"
        ".filter((each) => each.effect.getComputedTiming().endTime < Infinity).forEach((each) => each.finish())"
    )
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    grave = [
        f"{violation['id']} ({violation['impact']}): {violation['help']}\n"
        + "\n".join(f"    {node['html'][:200]}\n    {node['failureSummary']}" for node in violation["nodes"])
        for violation in found
        if violation["impact"] in {"serious", "critical"}
    ]
    assert not grave, "\n".join([page.url, *grave])


def has_no_sideways_scroll(page: Page) -> bool:
    """Whether the page is no wider than its window."""
    fits: bool = page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    return fits


def _watch(page: Page, problems: list[str]) -> None:
    """Write down what the browser complains about.

    Answers of 400 and more are logged by the browser too and are often what a
    test is about; only a static file that is missing, or a 500, is a fault of ours.
    """

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            problems.append(f"{message.type} on the console of {page.url}: {message.text}")

    def answered(response: Response) -> None:
        if response.status == 500 or (response.status >= 400 and "/static/" in response.url):
            problems.append(f"{response.url} answered {response.status}")

    page.on("console", heard)
    page.on("pageerror", lambda error: problems.append(f"uncaught on {page.url}: {error}"))
    page.on("response", answered)


_FAILED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether the test itself failed, so that `open_page` can take pictures."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


def _keep_pictures(pages: list[Page], name: str) -> None:
    FAILURES.mkdir(exist_ok=True)
    for number, page in enumerate(pages, 1):
        page.screenshot(path=FAILURES / f"{name.replace('/', '-')}-{number}.png", full_page=True)
