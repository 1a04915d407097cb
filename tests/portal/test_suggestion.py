"""The suggestion step: what is proposed, what the customer's hand keeps, and what is written down about it."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeSerializer

from tests.conftest import opened, settings_for
from tests.portal.engine import Engine, verdict
from tests.portal.pages import MATTER, Page, filled_form, link_in, page_of
from ticketdesk import create_app
from ticketdesk.ai.suggest import Suggester
from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Ticket
from ticketdesk.tickets import queries


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def client(app: Flask, engine: Engine) -> Iterator[FlaskClient]:
    """A customer of a desk whose one engine is the test's."""
    usual = app.extensions["suggester"]
    app.extensions["suggester"] = Suggester(engine, timeout=1)
    yield app.test_client()
    app.extensions["suggester"] = usual


def recorded() -> list[AiSuggestion]:
    db.session.expire_all()
    return list(db.session.scalars(sa.select(AiSuggestion).order_by(AiSuggestion.id)))


def reviewed(client: FlaskClient, **typed: str) -> Page:
    answer = client.post("/review", data=filled_form(client, **typed))
    assert answer.status_code == 200
    return page_of(answer)


def submitted(client: FlaskClient, form: dict[str, str]) -> Ticket:
    return queries.by_link(link_in(client.post("/", data=form)))


class TestTheBannerForTheScript:
    def test_what_is_suggested_how_sure_and_by_which_engine(self, client: FlaskClient, engine: Engine) -> None:
        answer = client.post("/suggest", data=filled_form(client))
        text = " ".join(page_of(answer).text.split())
        assert "We suggest Billing with high priority" in text
        assert "very sure, 93%" in text
        assert "not quite sure, 50%" in text
        assert "Suggested by Gemini (gemini-test)" in text
        assert 'data-category="billing"' in answer.text
        assert "<html" not in answer.text
        assert engine.asked == [f"{MATTER['title']}\n\n{MATTER['description']}"]
        row = recorded()[0]
        assert (row.occasion, row.engine, row.category, row.ticket_id) == ("form", "gemini", "billing", None)

    @pytest.mark.parametrize("description", ["", "         short       ", "a\x00 long enough text", "x" * 20_001])
    def test_no_engine_is_asked_about_too_little_or_too_much(
        self, client: FlaskClient, engine: Engine, description: str
    ) -> None:
        assert client.post("/suggest", data=filled_form(client, description=description)).status_code == 400
        assert engine.asked == []
        assert recorded() == []

    def test_a_title_that_cannot_be_kept_is_left_out(self, client: FlaskClient, engine: Engine) -> None:
        assert client.post("/suggest", data=filled_form(client, title="a\x00b")).status_code == 200
        assert engine.asked == [MATTER["description"]]

    def test_no_answer_is_a_quiet_note_and_recorded(self, client: FlaskClient, engine: Engine) -> None:
        engine.verdict = None
        answer = client.post("/suggest", data=filled_form(client))
        assert answer.status_code == 200
        assert "No suggestion this time" in answer.text
        assert "overloaded" not in answer.text
        assert "data-suggestion" not in answer.text
        assert recorded()[0].failure == "overloaded"

    def test_the_built_in_engine_is_named_as_such(self, app: Flask) -> None:
        client = app.test_client()
        assert "our built-in engine" in client.post("/suggest", data=filled_form(client)).text

    def test_it_takes_the_csrf_token(self, client: FlaskClient, engine: Engine) -> None:
        assert client.post("/suggest", data=MATTER).status_code == 400
        assert engine.asked == []


class TestTheStepWithoutAScript:
    def test_the_suggestion_is_filled_in_and_all_else_is_kept(self, client: FlaskClient) -> None:
        page = reviewed(client)
        assert (page.form["category"], page.form["priority"]) == ("billing", "high")
        assert {name: page.form[name] for name in MATTER} == MATTER
        assert "We suggest" in page.text
        assert client.get("/").status_code == 200

    def test_a_choice_is_kept_and_the_banner_says_so(self, client: FlaskClient) -> None:
        page = reviewed(client, category="account")
        assert (page.form["category"], page.form["priority"]) == ("account", "high")
        assert "You chose Account; we keep your choice." in page.text

    def test_a_second_step_replaces_what_the_first_filled_in(self, client: FlaskClient, engine: Engine) -> None:
        page = reviewed(client)
        engine.verdict = verdict(Category.TECHNICAL, Priority.LOW)
        again = page_of(client.post("/review", data=page.form | {"priority": "critical"}))
        assert (again.form["category"], again.form["priority"]) == ("technical", "critical")

    def test_what_the_script_marked_as_chosen_by_hand_stays(self, client: FlaskClient, engine: Engine) -> None:
        page = reviewed(client)
        engine.verdict = verdict(Category.TECHNICAL, Priority.LOW)
        again = page_of(client.post("/review", data=page.form | {"by_hand": "category"}))
        assert (again.form["category"], again.form["priority"]) == ("billing", "low")

    def test_an_engine_that_is_not_sure_enough_leaves_the_category_open(
        self, client: FlaskClient, engine: Engine
    ) -> None:
        page = reviewed(client)
        client.application.extensions["suggester"] = Suggester(engine, timeout=1, threshold=0.95)
        again = page_of(client.post("/review", data=page.form))
        assert (again.form["category"], again.form["priority"]) == ("", "high")
        assert "We suggest high priority, and no category yet" in again.text
        ticket = submitted(client, again.form)
        assert (ticket.category, ticket.category_set_by, ticket.priority_set_by) == ("general", "default", "gemini")

    def test_a_failure_leaves_the_earlier_suggestion_in_place(self, client: FlaskClient, engine: Engine) -> None:
        page = reviewed(client)
        engine.verdict = None
        again = page_of(client.post("/review", data=page.form))
        assert "No suggestion this time" in again.text
        kept = ("category", "priority", "suggestion")
        assert {name: again.form[name] for name in kept} == {name: page.form[name] for name in kept}

    def test_too_little_text_is_told_at_the_field(self, client: FlaskClient) -> None:
        answer = client.post("/review", data=filled_form(client, description="help"))
        assert answer.status_code == 400
        page = page_of(answer)
        assert "description-fault" in page.ids
        assert page.form["description"] == "help"

    def test_faults_at_submission_keep_the_banner(self, client: FlaskClient) -> None:
        page = reviewed(client)
        answer = client.post("/", data=page.form | {"requester_email": "none"})
        assert answer.status_code == 400
        assert "We suggest" in page_of(answer).text


class TestWhatBecomesOfIt:
    def test_what_the_customer_let_stand_has_the_engine_as_its_author(self, client: FlaskClient) -> None:
        ticket = submitted(client, reviewed(client).form)
        assert (ticket.category, ticket.category_set_by) == ("billing", "gemini")
        assert (ticket.priority, ticket.priority_set_by) == ("high", "gemini")
        [row] = recorded()
        assert (row.ticket_id, row.chosen_category, row.chosen_priority) == (ticket.id, "billing", "high")

    def test_what_the_customer_chose_is_theirs(self, client: FlaskClient) -> None:
        ticket = submitted(client, reviewed(client).form | {"category": "account"})
        assert (ticket.category, ticket.category_set_by) == ("account", "customer")
        assert (ticket.priority, ticket.priority_set_by) == ("high", "gemini")
        [row] = recorded()
        assert (row.category, row.chosen_category, row.chosen_priority) == ("billing", "account", "high")

    def test_what_is_left_open_after_a_suggestion_takes_it(self, client: FlaskClient, engine: Engine) -> None:
        ticket = submitted(client, reviewed(client).form | {"category": ""})
        assert (ticket.category, ticket.category_set_by) == ("billing", "gemini")
        assert len(engine.asked) == 1

    def test_what_is_left_open_without_one_is_asked_about(self, client: FlaskClient) -> None:
        ticket = submitted(client, filled_form(client, priority="low"))
        assert (ticket.category, ticket.category_set_by) == ("billing", "gemini")
        assert (ticket.priority, ticket.priority_set_by) == ("low", "customer")
        [row] = recorded()
        assert (row.ticket_id, row.occasion, row.chosen_category) == (ticket.id, "form", None)

    def test_a_form_filled_in_by_hand_asks_no_engine(self, client: FlaskClient, engine: Engine) -> None:
        submitted(client, filled_form(client, category="general", priority="low"))
        assert engine.asked == []
        assert recorded() == []

    def test_without_an_answer_the_ticket_is_made_and_classified_later(
        self, client: FlaskClient, engine: Engine
    ) -> None:
        engine.verdict = None
        ticket = submitted(client, filled_form(client))
        assert (ticket.category, ticket.category_set_by) == ("general", "default")
        assert (ticket.priority, ticket.priority_set_by) == ("medium", "default")
        jobs = db.session.scalars(
            sa.text("SELECT args->>'ticket_id' FROM procrastinate_jobs WHERE task_name = 'tickets.classify'")
        ).all()
        assert jobs == [str(ticket.id)]

    @pytest.mark.parametrize("forge", [lambda real: "", lambda real: "1", lambda real: real + "x", lambda real: "é"])
    def test_a_forged_number_is_as_good_as_none(self, client: FlaskClient, forge: Callable[[str], str]) -> None:
        form = reviewed(client).form
        ticket = submitted(client, form | {"suggestion": forge(form["suggestion"])})
        assert ticket.category_set_by == "customer"
        assert recorded()[0].ticket_id is None

    def test_a_number_that_is_gone_is_as_good_as_none(self, client: FlaskClient, app: Flask) -> None:
        signed = URLSafeSerializer(app.config["SECRET_KEY"], salt="suggestion").dumps(2**60)
        assert submitted(client, filled_form(client, category="billing", suggestion=signed)).category == "billing"

    def test_it_belongs_to_the_first_ticket_made_with_it(self, client: FlaskClient) -> None:
        form = reviewed(client).form
        first = submitted(client, form)
        second = submitted(client, form | {"title": "Another matter"})
        assert (second.id, second.category_set_by) != (first.id, "customer")
        assert [row.ticket_id for row in recorded()] == [first.id]


@pytest.mark.parametrize("path", ["/", "/suggest", "/review"])
def test_no_database_connection_is_held_while_an_engine_thinks(committed_url: str, engine: Engine, path: str) -> None:
    with opened(create_app(settings_for(committed_url))) as app:
        held: list[int] = []
        app.extensions["suggester"] = Suggester(engine, timeout=1)
        engine.meanwhile = lambda: held.append(db.engine.pool.checkedout())  # type: ignore[attr-defined]
        client = app.test_client()
        assert client.post(path, data=filled_form(client)).status_code in {200, 303}
        assert held == [0]
