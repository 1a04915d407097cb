"""The real nginx with the image's configuration, in front of the desk as its image runs it."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import url_for

from config import ROOT
from tests.attachments.forms import form_with
from tests.conftest import settings_for
from tests.deploy import recipe
from tests.deploy.conftest import NGINX, Browser, Desk, nginx, nginx_conf
from tests.processes.watch import free_port, until
from ticketdesk import REQUEST_MAX, create_app
from ticketdesk.attachments.policy import FORM_BYTES
from ticketdesk.gate import TAKE_FILES

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TICKET = {"title": "The export stops", "description": "It ends after 200 rows.", "category": "technical"}


def test_the_configuration_is_one(tmp_path: Path) -> None:
    tried = subprocess.run(
        [NGINX or "nginx", "-t", "-c", nginx_conf(tmp_path, 8080, 8000), "-e", "stderr"], capture_output=True, text=True
    )
    assert "test is successful" in tried.stderr, tried.stderr
    assert "[warn]" not in tried.stderr


def test_pages_come_through_compressed(browser: Browser) -> None:
    page = browser.get("/")

    assert page.status == 200
    assert "<form" in page.text
    assert page.headers["Content-Encoding"] == "gzip"
    assert page.headers["Vary"].split(", ").count("Accept-Encoding") == 1
    assert page.headers["Server"] == "nginx"


def test_static_files_are_compressed_and_kept_for_ever(browser: Browser) -> None:
    stylesheet = re.search(r'href="(/static/[^"]+\.css)"', browser.get("/").text)
    assert stylesheet is not None
    answer = browser.get(stylesheet[1])

    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert "Set-Cookie" not in answer.headers


def test_a_compressing_proxy_leaves_a_tickets_etag_fit_for_if_match(browser: Browser, desk: Desk) -> None:
    headers = {"Authorization": f"Bearer {desk.token}"}
    made = browser.send("POST", "/api/tickets/", TICKET | {"description": "All rows. " * 500}, headers)
    path = f"/api/tickets/{made.json()['id']}/"
    etag = browser.get(path, headers).headers["ETag"]

    changed = browser.send("PATCH", path, {"priority": "low"}, headers | {"If-Match": etag})
    assert changed.status == 200


def test_both_take_as_much_in_one_request() -> None:
    limits = re.findall(r"client_max_body_size (\d+)m;", (ROOT / "deploy" / "nginx.conf").read_text())
    usual, *with_files = [int(limit) * 1024 * 1024 for limit in limits]
    settings = settings_for("postgresql://nobody@/none")

    assert usual == REQUEST_MAX
    assert set(with_files) == {settings.attachment_total + FORM_BYTES}


def test_both_know_the_same_routes_that_take_files() -> None:
    conf = (ROOT / "deploy" / "nginx.conf").read_text()
    places = re.findall(r"location (=|~) (\S+) \{\s+client_max_body_size 51m;", conf)
    app = create_app(settings_for("postgresql://nobody@/none"))
    samples: dict[str, Any] = {
        "ticket_id": 1,
        "link": "0" * 32,
        "attachment_id": 1,
        "path": "x",
        "filename": "x",
        "id": 1,
    }
    taken = set()
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            path = url_for(rule.endpoint, **{name: samples.get(name, 1) for name in rule.arguments})
            if any(path == place if kind == "=" else re.search(place, path) for kind, place in places):
                taken.add(path)
            if rule.endpoint in TAKE_FILES:
                assert path in taken, f"nginx does not let files through to {rule}"
    assert len(taken) == len(TAKE_FILES)


def test_files_come_through_where_they_may_and_nowhere_else(browser: Browser, desk: Desk) -> None:
    form = form_with((b"x" * 3 * REQUEST_MAX, "log.txt"), kind="note", **TICKET)
    headers = {"Authorization": f"Bearer {desk.token}", "Content-Type": form["content_type"]}
    body = form["data"].decode("latin-1")

    made = browser.ask("POST", "/api/tickets/", body, headers)
    assert made.status == 400
    assert [fault["field"] for fault in made.json()["errors"]] == ["kind"]
    assert browser.ask("POST", "/api/tickets/classify/", body, headers).status == 413
    assert browser.ask("POST", "/staff/sign-in", body, headers).status == 413


def test_a_program_that_sends_too_much_is_told_in_json(browser: Browser) -> None:
    answer = browser.send("POST", "/api/tickets/classify/", TICKET | {"description": " " * 2 * REQUEST_MAX})

    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Content Too Large",
        "status": 413,
        "detail": "This is more than the desk takes in one request.",
    }


def test_a_program_that_sends_too_much_where_files_may_come_is_told_by_the_desk(browser: Browser) -> None:
    answer = browser.send("POST", "/api/tickets/", TICKET | {"description": " " * 2 * REQUEST_MAX})

    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "This is more than the desk takes in one request."


def test_a_person_who_sends_too_much_is_told_on_a_page(browser: Browser) -> None:
    answer = browser.ask("POST", "/", "title=" + "x" * 2 * REQUEST_MAX, FORM)

    assert answer.status == 413
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "That is too much at once" in answer.text
    assert "back button" in answer.text


def test_nobody_gets_round_a_limit_by_making_an_address_up(browser: Browser) -> None:
    def send(made_up: str, address: str) -> int:
        """Send a ticket from one of this machine's own addresses."""
        headers = {"X-Forwarded-For": made_up, "X-Real-IP": made_up, "Content-Type": "application/json"}
        return browser.ask("POST", "/api/tickets/", json.dumps(TICKET), headers, address).status

    assert send("203.0.113.1", "127.0.0.2") == 201
    assert send("203.0.113.2", "127.0.0.2") == 429
    assert send("203.0.113.2, 203.0.113.3", "127.0.0.2") == 429
    assert send("127.0.0.2", "127.0.0.3") == 201


def test_a_request_has_one_id_in_both_logs(browser: Browser, proxy_log: Path) -> None:
    given = browser.get("/readyz").headers["X-Request-ID"]

    line = until(lambda: next((line for line in proxy_log.read_text().splitlines() if given in line), ""))
    logged = json.loads(line)
    assert (logged["request_id"], logged["uri"], logged["status"]) == (given, "/readyz", 200)


def test_a_page_is_asked_for_again_when_the_desk_is_down(tmp_path: Path) -> None:
    with nginx(tmp_path, free_port()) as browser:
        answer = browser.get("/t/" + "0" * 32)

    assert answer.status == 502
    assert answer.headers["Retry-After"] == "5"
    assert "The desk is restarting" in answer.text
    assert '<meta http-equiv="refresh"' in answer.text


def test_a_form_is_not_sent_again_by_itself_when_the_desk_is_down(tmp_path: Path) -> None:
    with nginx(tmp_path, free_port()) as browser:
        answer = browser.ask("POST", "/", "title=Hello", FORM)

    assert answer.status == 502
    assert "back button" in answer.text
    assert "http-equiv" not in answer.text


@pytest.mark.parametrize("path", ["/api/tickets/", "/api/tickets/1/", "/api", "/readyz"])
def test_programs_are_told_in_json_when_the_desk_is_down(tmp_path: Path, path: str) -> None:
    with nginx(tmp_path, free_port()) as browser:
        answer = browser.get(path)

    assert (answer.status, answer.json()["status"], answer.json()["title"]) == (502, 502, "Bad Gateway")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"


def test_waiting_has_an_end(tmp_path: Path) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    with (
        silent,
        nginx(tmp_path, silent.getsockname()[1], **{"proxy_read_timeout 80s": "proxy_read_timeout 100ms"}) as browser,
    ):
        page, answer = browser.get("/"), browser.get("/api/tickets/")

    assert (page.status, answer.status) == (504, 504)
    assert "This is taking too long" in page.text
    assert answer.json()["detail"] == "The desk did not answer in time; try again in a moment."


def test_the_image_knows_whether_it_is_well(desk: Desk) -> None:
    def exit_status(port: int) -> int:
        python, *arguments = recipe.probe()
        assert python == "python"
        return subprocess.run([sys.executable, *arguments], env={"PORT": str(port)}, capture_output=True).returncode

    assert exit_status(desk.port) == 0
    assert exit_status(free_port()) == 1
