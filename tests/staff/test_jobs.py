"""Background jobs in the console, on the queue's own tables."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from tests.staff.conftest import Send, toasts
from ticketdesk.extensions import db
from ticketdesk.jobs import overview

ADD = text(
    "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts, queueing_lock) VALUES"
    " ('default', :task, '{\"ticket_id\": 1042}', CAST(:status AS procrastinate_job_status), 3, :lock) RETURNING id"
)


def add(status: str, *, task: str = "tickets.classify", lock: str | None = None) -> int:
    """A job that stands there; gives its id."""
    number: int = db.session.execute(ADD, {"task": task, "status": status, "lock": lock}).scalar_one()
    db.session.commit()
    return number


def status_of(number: int) -> str:
    found: str = db.session.execute(
        text("SELECT status::text FROM procrastinate_jobs WHERE id = :id"), {"id": number}
    ).scalar_one()
    return found


def numbers(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<th class="mono muted" scope="row">(\d+)</th>', html)]


def test_jobs_are_listed_with_the_newest_first(admin: FlaskClient) -> None:
    first, second = add("failed"), add("todo", task="jobs.sweep")
    html = admin.get("/staff/jobs/").text
    assert numbers(html) == [second, first]
    for shown in ("tickets.classify", "jobs.sweep", "ticket_id=1042", "Failed", "Waiting"):
        assert shown in html


def test_one_kind_is_picked_out(admin: FlaskClient) -> None:
    failed, _waiting = add("failed"), add("todo")
    assert numbers(admin.get("/staff/jobs/?status=failed").text) == [failed]
    assert "No job is running" in admin.get("/staff/jobs/?status=doing").text


def test_older_jobs_are_on_the_next_page(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "PAGE_SIZE", 2)
    made = [add("failed") for _ in range(3)]
    first = admin.get("/staff/jobs/?status=failed").text
    assert numbers(first) == [made[2], made[1]]
    assert f'rel="next" href="/staff/jobs/?status=failed&amp;before={made[1]}"' in first
    last = admin.get(f"/staff/jobs/?status=failed&before={made[1]}").text
    assert numbers(last) == [made[0]]
    assert 'rel="next"' not in last


def test_a_failed_job_is_run_again(admin: FlaskClient, send: Send) -> None:
    number = add("failed")
    answer = send(admin, "/staff/jobs/retry/?status=failed", id=number)
    assert toasts(answer) == [f"Job {number} is back in the queue."]
    assert answer.request.full_path == "/staff/jobs/?status=failed"
    assert status_of(number) == "todo"


@pytest.mark.parametrize("status", ["todo", "doing", "succeeded", "cancelled"])
def test_only_failed_jobs_are_run_again(admin: FlaskClient, send: Send, status: str) -> None:
    number = add(status)
    assert toasts(send(admin, "/staff/jobs/retry/", id=number)) == [
        "Only a failed job can be run again; this one has changed meanwhile."
    ]
    assert status_of(number) == status


def test_a_job_whose_equal_waits_already_is_not_run_twice(admin: FlaskClient, send: Send) -> None:
    number = add("failed", lock="one at a time")
    add("todo", lock="one at a time")
    assert toasts(send(admin, "/staff/jobs/retry/", id=number)) == [
        "An equal job waits in the queue already, so this one is not needed."
    ]
    assert status_of(number) == "failed"


@pytest.mark.parametrize("number", ["", "x", "0", "999999", "9" * 30])
def test_a_job_that_is_not_there_is_not_found(admin: FlaskClient, send: Send, number: str) -> None:
    assert send(admin, "/staff/jobs/retry/", id=number).status_code == 404


@pytest.mark.parametrize("query", ["status=x", "status=%00", "before=x", "before=-1", "before=" + "9" * 30, "before="])
def test_an_address_that_makes_no_sense_is_refused(admin: FlaskClient, query: str) -> None:
    assert admin.get(f"/staff/jobs/?{query}").status_code == 400


def test_a_desk_without_jobs_says_so(admin: FlaskClient) -> None:
    assert "No jobs yet" in admin.get("/staff/jobs/").text


def test_agents_do_not_run_jobs(agent: FlaskClient, send: Send) -> None:
    number = add("failed")
    assert send(agent, "/staff/jobs/retry/", id=number).status_code == 403
    assert status_of(number) == "failed"
