"""Four web servers behind nginx are one desk: whatever one of them did, the next one knows."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from config import ROOT
from tests.conftest import SECRET_KEY, cloned, opened, settings_for
from tests.deploy.conftest import NGINX, Answer, Browser, nginx
from tests.factories import PASSWORD, make_staff, make_token
from tests.portal.pages import Page
from tests.processes.watch import GUNICORN, PATIENCE, free_port, listens, until
from ticketdesk import create_app, embedded
from ticketdesk.models import Role, Scope
from ticketdesk.postmaster import end_with_parent

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
WEB_SERVERS = 4
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TICKET = {"title": "The export stops", "description": "It ends after 200 rows.", "category": "technical"}


class Desk(NamedTuple):
    """Four web servers behind a proxy that asks one after the other."""

    browser: Browser
    log: Path
    token: str
    email: str


@pytest.fixture(scope="module")
def desk(
    cluster: embedded.Cluster, template: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("scale")
    with ExitStack() as stack:
        url = stack.enter_context(cloned(cluster, template, f"scale_{worker_id}_{os.getpid()}"))
        with opened(create_app(settings_for(url))) as app, app.app_context():
            token, email = make_token(Scope.WRITE), make_staff(Role.ADMIN).email
        environ = {
            "PATH": os.environ["PATH"],
            "HOST": "127.0.0.1",
            "DATABASE_URL": url,
            "SECRET_KEY": SECRET_KEY,
            "TRUSTED_PROXIES": "1",
            "AI_ENGINE": "local",
            "RATELIMIT_CREATE": "3 per hour",
            "WEB_WORKERS": "1",
            "WEB_THREADS": "4",
        }
        ports = stack.enter_context(web_servers(environ))
        changes = {
            # In turns, so that each request of a story meets another web server.
            "least_conn;": "",
            "server web:8000 resolve max_fails=0;": "\n".join(
                f"server 127.0.0.1:{port} max_fails=0;" for port in ports
            ),
        }
        browser = stack.enter_context(nginx(folder, ports[0], **changes))
        yield Desk(browser, folder / "access.log", token, email)


@contextmanager
def web_servers(environ: dict[str, str]) -> Iterator[list[int]]:
    """The ports of the web servers, which start together and stop together."""
    ports = [free_port() for _ in range(WEB_SERVERS)]
    servers = [
        subprocess.Popen(
            GUNICORN, cwd=ROOT, env=environ | {"PORT": str(port)}, preexec_fn=end_with_parent(signal.SIGTERM)
        )
        for port in ports
    ]
    try:
        until(lambda: all(listens(port) for port in ports))
        yield ports
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(PATIENCE)


def asked(desk: Desk, path: str) -> set[str]:
    """The web servers that answered requests for a path."""
    lines = desk.log.read_text().splitlines()
    return {found[1] for line in lines if f'"uri":"{path}"' in line and (found := re.search(r'"desk":"([^"]+)"', line))}


def test_an_idempotency_key_holds_wherever_the_repetition_lands(desk: Desk) -> None:
    headers = {"Authorization": f"Bearer {desk.token}", "Idempotency-Key": "order-4711"}
    answers = [desk.browser.send("POST", "/api/tickets/", TICKET, headers) for _ in range(WEB_SERVERS)]
    assert [answer.status for answer in answers] == [201] * WEB_SERVERS
    assert len({answer.text for answer in answers}) == 1
    until(lambda: len(asked(desk, "/api/tickets/")) == WEB_SERVERS)


def test_a_rate_limit_counts_what_all_of_them_take(desk: Desk) -> None:
    answers = [desk.browser.send("POST", "/api/tickets/", TICKET).status for _ in range(6)]
    assert answers == [201] * 3 + [429] * 3


class Session:
    """A browser with a cookie."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._cookie: dict[str, str] = {}

    def ask(self, method: str, path: str, **form: str) -> Answer:
        """Ask for a page, or send a form."""
        answer = self._browser.ask(method, path, urlencode(form) if form else None, {**FORM, **self._cookie})
        for given in answer.headers.get_all("Set-Cookie") or []:
            self._cookie = {"Cookie": given.partition(";")[0]}
        return answer


def test_staff_sign_in_and_work_and_customers_send_forms_across_them(desk: Desk) -> None:
    staff = Session(desk.browser)
    page = Page(staff.ask("GET", "/staff/sign-in").text)
    signed_in = staff.ask("POST", "/staff/sign-in", **page.form | {"email": desk.email, "password": PASSWORD})
    assert signed_in.status in {302, 303}, signed_in.text
    queues = [staff.ask("GET", "/staff/queue/") for _ in range(WEB_SERVERS)]
    assert [queue.status for queue in queues] == [200] * WEB_SERVERS
    until(lambda: len(asked(desk, "/staff/queue/")) == WEB_SERVERS)

    customer = Session(desk.browser)
    form = Page(customer.ask("GET", "/").text).form
    refused = customer.ask("POST", "/", **form | {"title": "", "description": "It ends after 200 rows."})
    assert refused.status == 400, "The form comes back from another web server than it came from."
    assert "It ends after 200 rows." in refused.text


def test_all_of_them_name_static_files_alike(desk: Desk) -> None:
    found = {tuple(re.findall(r'"(/static/[^"]+)"', desk.browser.get("/").text)) for _ in range(WEB_SERVERS)}
    assert len(found) == 1
    for path in next(iter(found))[:3]:
        assert {desk.browser.get(path).status for _ in range(WEB_SERVERS)} == {200}
