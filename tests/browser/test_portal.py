"""The customer's pages in a real browser."""

import re
import threading
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.conftest import PHONE, Desk, OpenPage, axe, has_no_sideways_scroll
from tests.factories import make_ticket
from tests.portal.engine import Engine, verdict
from ticketdesk.ai.suggest import Suggester
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Ticket
from ticketdesk.tickets import service

TEXT = "I was charged twice for my subscription."
TICKET_PAGE = re.compile(r"/t/[0-9a-f]{32}$")
BUSY = "Reading what you wrote"
PATIENCE = 60


@pytest.fixture
def engine(desk: Desk) -> Engine:
    """The desk's only engine, in the test's hands; it suggests billing and high."""
    engine = Engine()
    desk.app.extensions["suggester"] = Suggester(engine, timeout=PATIENCE)
    return engine


@pytest.fixture
def thinking(engine: Engine) -> Iterator[threading.Event]:
    """The engine thinks until this is set."""
    done = threading.Event()
    engine.meanwhile = lambda: assert_in_time(done)
    yield done
    done.set()


def assert_in_time(event: threading.Event) -> None:
    assert event.wait(PATIENCE)


def describe(page: Page, text: str = TEXT) -> None:
    """Type the description and leave the field."""
    page.get_by_label("Description").fill(text)
    page.get_by_label("Your name").focus()


def submit(page: Page) -> None:
    page.get_by_role("button", name="Submit ticket").click()
    expect(page).to_have_url(TICKET_PAGE)


def suggestion(page: Page) -> "Callable[[str], None]":
    return lambda text: expect(page.locator("#suggestion")).to_contain_text(text, use_inner_text=True)


def tickets(desk: Desk) -> list[Ticket]:
    with desk.app.app_context():
        found = list(db.session.scalars(sa.select(Ticket).order_by(Ticket.id)))
        # What is still the session's is forgotten with it.
        db.session.expunge_all()
        return found


def heard(page: Page, part: str) -> list[str]:
    """The methods of the requests whose address contains ``part``, as they are sent from now on."""
    methods: list[str] = []

    def note(request: Request) -> None:
        if part in request.url:
            methods.append(request.method)

    page.on("request", note)
    return methods


class TestTheSuggestion:
    def test_leaving_the_description_fills_in_both_fields(self, page: Page, desk: Desk, engine: Engine) -> None:
        page.goto("/")
        page.get_by_label("Title").fill("Refund")
        describe(page)
        says = suggestion(page)
        says("We suggest Billing with high priority")
        says("very sure, 93%")
        says("Suggested by Gemini (gemini-test)")
        expect(page.get_by_label("Category")).to_have_value("billing")
        expect(page.get_by_label("Priority")).to_have_value("high")
        submit(page)
        [ticket] = tickets(desk)
        assert (ticket.category_set_by, ticket.priority_set_by) == ("gemini", "gemini")

    def test_a_choice_by_hand_is_never_overwritten(self, page: Page, desk: Desk, engine: Engine) -> None:
        page.goto("/")
        page.get_by_label("Title").fill("Refund")
        describe(page)
        suggestion(page)("We suggest Billing")
        page.get_by_label("Category").select_option("account")
        suggestion(page)("You chose Account; we keep your choice.")
        engine.verdict = verdict(Category.TECHNICAL, Priority.LOW)
        describe(page, "The page stays white since the update.")
        suggestion(page)("We suggest Technical with low priority")
        suggestion(page)("You chose Account; we keep your choice.")
        expect(page.get_by_label("Category")).to_have_value("account")
        expect(page.get_by_label("Priority")).to_have_value("low")
        submit(page)
        [ticket] = tickets(desk)
        assert (ticket.category, ticket.category_set_by) == ("account", "customer")
        assert (ticket.priority, ticket.priority_set_by) == ("low", "gemini")

    def test_a_choice_made_before_any_suggestion_is_kept_too_and_over_errors(self, page: Page, engine: Engine) -> None:
        page.goto("/")
        page.get_by_label("Priority").select_option("critical")
        describe(page)
        suggestion(page)("You chose Critical; we keep your choice.")
        page.get_by_role("button", name="Submit ticket").click()
        expect(page.locator("#summary")).to_be_focused()
        suggestion(page)("You chose Critical; we keep your choice.")
        engine.verdict = verdict(Category.TECHNICAL, Priority.LOW)
        describe(page, "The page stays white since the update.")
        suggestion(page)("We suggest Technical")
        expect(page.get_by_label("Category")).to_have_value("technical")
        expect(page.get_by_label("Priority")).to_have_value("critical")

    def test_it_is_asked_for_once_a_text_and_not_for_less_than_ten_characters(self, page: Page, engine: Engine) -> None:
        page.goto("/")
        asked = heard(page, "/suggest")
        describe(page, " too short ")
        describe(page, TEXT)
        suggestion(page)("We suggest")
        describe(page, TEXT)
        describe(page, TEXT + "  ")
        assert asked == ["POST"]

    def test_the_form_does_not_wait_for_it(
        self, page: Page, desk: Desk, engine: Engine, thinking: threading.Event
    ) -> None:
        page.goto("/")
        page.get_by_label("Title").fill("Refund")
        describe(page)
        suggestion(page)(BUSY)
        expect(page.locator("#suggestion .spinner")).to_be_visible()
        page.get_by_label("Category").select_option("account")
        page.get_by_label("Priority").select_option("low")
        submit(page)
        assert len(tickets(desk)) == 1

    def test_an_answer_to_a_text_that_has_changed_is_dropped(
        self, page: Page, engine: Engine, thinking: threading.Event
    ) -> None:
        page.goto("/")
        describe(page)
        suggestion(page)(BUSY)
        page.get_by_label("Description").press_sequentially("!")
        suggestion(page)("Once you have described the matter")
        thinking.set()
        engine.verdict = verdict(Category.TECHNICAL, Priority.LOW)
        describe(page, "The page stays white since the update.")
        suggestion(page)("We suggest Technical")
        expect(page.get_by_label("Category")).to_have_value("technical")

    @pytest.mark.parametrize(
        "answer",
        [
            lambda route: route.abort(),
            lambda route: route.fulfill(status=503, body="<h1>no</h1>"),
            lambda route: route.fulfill(status=429),
        ],
        ids=["offline", "unavailable", "too many"],
    )
    def test_a_failure_is_a_quiet_note(self, page: Page, desk: Desk, answer: Callable[[Route], None]) -> None:
        page.goto("/")
        page.route("**/suggest", answer)
        page.get_by_label("Title").fill("Refund")
        describe(page)
        suggestion(page)("No suggestion this time.")
        expect(page.get_by_label("Category")).to_have_value("")
        submit(page)
        assert len(tickets(desk)) == 1

    def test_without_a_script_it_is_a_step(self, open_page: OpenPage, desk: Desk, engine: Engine) -> None:
        page = open_page(java_script_enabled=False)
        page.goto("/")
        page.get_by_label("Title").fill("Refund")
        page.get_by_label("Description").fill(TEXT)
        page.get_by_label("Priority").select_option("low")
        page.get_by_role("button", name="Suggest category and priority").click()
        suggestion(page)("We suggest Billing with high priority")
        suggestion(page)("You chose Low; we keep your choice.")
        expect(page.locator("#suggestion")).to_be_focused()
        expect(page.get_by_label("Category")).to_have_value("billing")
        expect(page.get_by_label("Description")).to_have_value(TEXT)
        submit(page)
        [ticket] = tickets(desk)
        assert (ticket.category_set_by, ticket.priority, ticket.priority_set_by) == ("gemini", "low", "customer")


class TestSubmitting:
    def test_a_double_click_makes_one_ticket(self, page: Page, desk: Desk) -> None:
        page.goto("/")
        page.get_by_label("Title").fill("Refund")
        describe(page)
        page.get_by_role("button", name="Submit ticket").dblclick()
        expect(page).to_have_url(TICKET_PAGE)
        assert len(tickets(desk)) == 1

    def test_going_back_and_submitting_again_leads_to_the_same_ticket(self, page: Page, desk: Desk) -> None:
        page.goto("/")
        page.get_by_label("Title").fill("Refund")
        describe(page)
        suggestion(page)("We suggest")
        submit(page)
        first = page.url
        page.go_back()
        expect(page.get_by_label("Title")).to_have_value("Refund")
        submit(page)
        assert page.url == first
        assert len(tickets(desk)) == 1

    def test_so_it_does_without_a_script_on_a_first_visit(self, open_page: OpenPage, desk: Desk) -> None:
        page = open_page(java_script_enabled=False)
        page.goto("/")
        page.get_by_label("Title").fill("Refund")
        page.get_by_label("Description").fill(TEXT)
        submit(page)
        first = page.url
        page.go_back()
        expect(page.get_by_label("Description")).to_have_value(TEXT)
        submit(page)
        assert page.url == first
        assert len(tickets(desk)) == 1

    def test_the_button_can_be_pressed_right_from_the_description(self, page: Page, desk: Desk, engine: Engine) -> None:
        page.goto("/")
        asked = heard(page, "/suggest")
        page.get_by_label("Title").fill("Refund")
        page.get_by_label("Description").fill(TEXT)
        submit(page)
        assert asked == []
        assert tickets(desk)[0].category_set_by == "gemini"

    def test_the_summary_of_faults_has_the_focus_and_leads_to_the_fields(self, page: Page) -> None:
        page.goto("/")
        page.get_by_label("Description").fill("x" * 20_010)
        expect(page.get_by_text("10 characters too many")).to_be_visible()
        page.get_by_label("E-mail address").fill("nobody")
        page.keyboard.press("Enter")
        expect(page).to_have_title(re.compile("^Error: "))
        expect(page.locator("#summary")).to_be_focused()
        expect(page.get_by_label("Description")).to_have_value("x" * 20_010)
        expect(page.get_by_label("E-mail address")).to_have_value("nobody")
        page.get_by_role("link", name="Title: Give the ticket a title.").click()
        expect(page.get_by_label("Title")).to_be_focused()
        expect(page.get_by_label("Title")).to_have_accessible_description(re.compile("Give the ticket a title."))

    def test_the_whole_form_works_by_keyboard(self, page: Page, desk: Desk, engine: Engine) -> None:
        page.goto("/")
        page.get_by_label("Title").focus()
        page.keyboard.type("Refund")
        page.keyboard.press("Tab")
        page.keyboard.type(TEXT)
        page.keyboard.press("Tab")
        expect(page.get_by_label("Attach files")).to_be_focused()
        for text in ("", "Ada", "ada@example.com"):
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        suggestion(page)("We suggest")
        expect(page.get_by_label("Category")).to_be_focused()
        page.keyboard.press("t")
        suggestion(page)("You chose Technical; we keep your choice.")
        for key in ("Tab", "Tab", "Enter"):
            page.keyboard.press(key)
        expect(page).to_have_url(TICKET_PAGE)
        assert tickets(desk)[0].category == "technical"


class TestTheTicketsPage:
    @pytest.fixture
    def link(self, desk: Desk) -> str:
        with desk.app.app_context():
            return f"/t/{make_ticket().link_id.hex}"

    @staticmethod
    def change_status(desk: Desk, status: Status) -> None:
        with desk.app.app_context():
            ticket = service.locked(1001)
            service.change_status(ticket, status, Actor(ActorKind.STAFF, 1, "Grace Hopper"))
            db.session.commit()

    def test_it_follows_the_status_and_leaves_the_focus_alone(self, page: Page, desk: Desk, link: str) -> None:
        page.clock.install()
        page.goto(link)
        expect(page.get_by_role("heading", name="We have your ticket")).to_be_visible()
        page.locator("#link").focus()
        self.change_status(desk, Status.RESOLVED)
        page.clock.fast_forward(5_000)
        expect(page.get_by_role("heading", name="This is resolved")).to_be_visible()
        expect(page.get_by_text("Support marked it as resolved")).to_be_visible()
        expect(page.locator("#link")).to_be_focused()

    def test_it_rests_while_nobody_looks(self, page: Page, desk: Desk, link: str) -> None:
        page.add_init_script("Object.defineProperty(document, 'hidden', {get: () => window.away === true})")
        page.clock.install()
        page.goto(link)
        page.evaluate("() => { window.away = true }")
        polls = heard(page, "/progress")
        page.clock.fast_forward(20_000)
        self.change_status(desk, Status.IN_PROGRESS)
        assert polls == []
        page.evaluate("() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')) }")
        expect(page.get_by_role("heading", name="We are working on it")).to_be_visible()

    def test_it_waits_longer_after_failures_and_says_so(self, page: Page, desk: Desk, link: str) -> None:
        page.clock.install()
        page.goto(link)
        page.route("**/progress", lambda route: route.fulfill(status=503, body="<h1>Not this</h1>"))
        # It waits 5, 10, 20 and then 40 seconds, to which the test's own few make no difference. Each wait begins when
        # the page has read the answer, a moment after it came.
        for seconds in (5, 6, 11, 21):
            with page.expect_response("**/progress"):
                page.clock.fast_forward(seconds * 1_000)
        expect(page.get_by_text("No connection, trying again")).to_be_visible()
        expect(page.get_by_role("heading", name="We have your ticket")).to_be_visible()
        polls = heard(page, "/progress")
        page.clock.fast_forward(5_000)
        assert polls == []
        page.unroute("**/progress")
        page.clock.fast_forward(40_000)
        expect(page.get_by_text("Updates live")).to_be_visible()

    def test_the_link_can_be_copied(self, open_page: OpenPage, desk: Desk, link: str) -> None:
        page = open_page(permissions=["clipboard-read", "clipboard-write"])
        page.goto(link)
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("() => navigator.clipboard.readText()") == desk.url + link


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_a_phone(
    open_page: OpenPage, desk: Desk, engine: Engine, scheme: str
) -> None:
    with desk.app.app_context():
        said = "<script>alert(1)</script>" + "x" * 19_000
        long, resolved = (f"/t/{make_ticket('W' * 200, said, requester_name='n' * 200).link_id.hex}" for _ in range(2))
        service.change_status(service.locked(1002), Status.RESOLVED, Actor(ActorKind.STAFF, 1, "Grace"))
        db.session.commit()
    page = open_page(color_scheme=scheme, viewport=PHONE, reduced_motion="reduce")
    for address in ("/", long, resolved, "/t/unknown", "/nothing", "/suggest", "/api/docs"):
        page.goto(address)
        axe(page)
        assert has_no_sideways_scroll(page), address
    page.goto("/")
    describe(page)
    suggestion(page)("We suggest")
    page.get_by_label("Category").select_option("account")
    axe(page)
    page.get_by_role("button", name="Submit ticket").click()
    expect(page.locator("#summary")).to_be_focused()
    axe(page)
    assert has_no_sideways_scroll(page)
