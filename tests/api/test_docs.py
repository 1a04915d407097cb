"""The API reference page: all of the document is on it, and its examples work as they stand."""

import itertools
import json
import re
import shlex
from html import unescape
from io import BytesIO
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_ticket
from ticketdesk.api import openapi
from ticketdesk.attachments import service as attachments
from ticketdesk.attachments.policy import FIELD
from ticketdesk.core.actors import SYSTEM
from ticketdesk.extensions import db
from ticketdesk.tickets import merging, queries, trash


def curl_lines(page: str) -> list[list[str]]:
    return [
        shlex.split(unescape(text).replace("\\\n", " "))
        for text in re.findall(r'<code id="\w+-curl">(.*?)</code>', page, re.DOTALL)
    ]


def test_every_call_and_every_object_is_on_the_page(app: Flask, client: FlaskClient) -> None:
    page = client.get("/api/docs")
    assert page.mimetype == "text/html"
    document = openapi.build(app)
    ids = re.findall(r'id="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert {operation["operationId"] for operation in operations} <= set(ids)
    assert set(document["components"]["schemas"]) <= set(ids)
    for link in re.findall(r'href="#([^"]+)"', page.text):
        assert link in ids


def fitting(method: str, path: str) -> tuple[int, int, int] | None:
    """A ticket for calls that others would stumble over: its id, that of an act on it, and that of another ticket."""
    part = path.rstrip("/").rpartition("/")[2]
    if method != "DELETE" and part not in {"merge", "unmerge", "undo"}:
        return None
    ticket, other = make_ticket(), make_ticket()
    act = None
    if part == "unmerge":
        act = merging.merge(other.id, [ticket.id], SYSTEM)
    if part == "undo":
        act = trash.trash([ticket.id], SYSTEM)
    db.session.commit()
    return ticket.id, act.id if act else 0, other.id


def test_every_curl_line_is_answered_with_success(app: Flask, client: FlaskClient, writer: dict[str, str]) -> None:
    lines = curl_lines(client.get("/api/docs").text)
    assert len(lines) == 17
    new = {"title": "The one in the examples", "description": "Something", FIELD: (BytesIO(b"%PDF-1.7"), "a.pdf")}
    made = client.post("/api/tickets/", data=new).json
    assert made is not None
    (file,) = attachments.of_ticket(queries.by_id(made["id"]))
    for line in lines:
        method = line[line.index("-X") + 1] if "-X" in line else "GET"
        address = urlsplit(next(word for word in line if word.startswith("http")))
        ticket_id, act_id, other_id = fitting(method, address.path) or (made["id"], 0, 0)
        path = address.path.replace("1042", str(ticket_id)).replace("/7/", f"/{file.id}/")
        headers = dict(word.split(": ", 1) for before, word in itertools.pairwise(line) if before == "-H")
        if "Authorization" in headers:
            headers |= writer
        body: object = None
        if "-d" in line:
            body = line[line.index("-d") + 1].replace("1041", str(other_id)).replace("311", str(act_id))
        if "-F" in line:
            form = dict(word.split("=", 1) for before, word in itertools.pairwise(line) if before == "-F")
            body = form | {FIELD: (BytesIO(b"%PDF-1.7"), form[FIELD].removeprefix("@"))}
        answer = client.open(path, method=method, query_string=address.query, headers=headers, data=body)
        assert answer.status_code in {200, 201, 204}, line


def test_the_examples_of_answers_are_json(client: FlaskClient) -> None:
    page = client.get("/api/docs").text
    examples = re.findall(r'<code id="(?:\w+-2\d\d|errors-code)">(.*?)</code>', page, re.DOTALL)
    assert len(examples) == 16
    for example in examples:
        assert json.loads(unescape(example))
