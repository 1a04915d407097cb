"""The staff console in a real browser."""

import re
from collections.abc import Callable

import pytest
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Desk, OpenPage, axe, has_no_sideways_scroll
from tests.factories import PASSWORD, make_staff, make_ticket, make_token
from ticketdesk.accounts import service as accounts
from ticketdesk.core.actors import Actor, ActorKind
from ticketdesk.core.vocabulary import Category, Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Role, Staff, Ticket
from ticketdesk.tickets import service

EMAIL = "ada@desk.example"
COLLEAGUE = Actor(ActorKind.STAFF, None, "Grace Hopper")
POLL = 6_000


@pytest.fixture
def tickets(desk: Desk) -> list[int]:
    """Four tickets, the newest first, as the queue shows them."""
    with desk.app.app_context():
        made = [
            make_ticket("Delta", category=Category.GENERAL, priority=Priority.LOW),
            make_ticket("Gamma", category=Category.ACCOUNT, priority=Priority.MEDIUM),
            make_ticket("Beta", category=Category.BILLING, priority=Priority.CRITICAL),
            make_ticket("Alpha", description="The whole story of Alpha."),
        ]
        return [ticket.id for ticket in reversed(made)]


def signed_in(desk: Desk, page: Page, *, clock: bool = True) -> Page:
    """The page with the session of a new admin; its clock is in the test's hands."""
    sign_in(desk, page)
    if clock:
        page.clock.install()
    return page


def sign_in(desk: Desk, page: Page, *, name: str = "Margaret Hamilton", email: str = EMAIL) -> None:
    """Give the page the session of a new admin."""
    with desk.app.app_context():
        staff = make_staff(Role.ADMIN, name=name, email=email)
        signer = SecureCookieSessionInterface().get_signing_serializer(desk.app)
        assert signer is not None
        session = signer.dumps({"_user_id": staff.get_id(), "_fresh": True})
    page.context.add_cookies([{"name": "ticketdesk", "value": session, "url": desk.url}])


@pytest.fixture
def console(desk: Desk, tickets: list[int], page: Page) -> Page:
    """The queue of four tickets, open before an admin."""
    signed_in(desk, page).goto("/staff/queue/")
    return page


def change(desk: Desk, ticket_id: int, act: Callable[[Ticket], object]) -> None:
    """Let a colleague act on a ticket behind the page's back."""
    with desk.app.app_context():
        act(service.locked(ticket_id))
        db.session.commit()


def value(desk: Desk, ticket_id: int, field: str) -> str:
    with desk.app.app_context():
        return str(getattr(db.session.get_one(Ticket, ticket_id), field))


def row(page: Page, title: str) -> Locator:
    return page.locator("tbody.ticket").filter(has_text=title)


def titles(page: Page) -> Locator:
    return page.locator("tbody.ticket .title")


def toast(page: Page) -> Locator:
    return page.locator(".toast").last


def poll(page: Page) -> None:
    """Let the time pass after which the page refreshes itself, and wait until it has."""
    with page.expect_response(re.compile("/rows|/live|/figures")):
        page.clock.run_for(POLL)


class TestComingIn:
    def test_the_set_up_link_leads_to_a_desk_of_ones_own(self, desk: Desk, page: Page) -> None:
        with desk.app.app_context():
            link = accounts.setup_link(desk.url)
        assert link is not None
        page.goto(link)
        axe(page)
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("E-mail address").fill(EMAIL)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Repeat the password").fill(PASSWORD)
        page.get_by_role("button", name="Create the account").click()
        expect(toast(page)).to_contain_text("Welcome, Ada Lovelace.")
        expect(page.get_by_role("heading", name="No tickets yet")).to_be_visible()
        axe(page)
        page.goto(link)
        expect(page.get_by_role("heading", name="set up already")).to_be_visible()

    def test_one_signs_out_by_the_menu_and_comes_back_to_where_one_was(self, desk: Desk, console: Page) -> None:
        console.get_by_text("Margaret Hamilton").click()
        console.get_by_role("button", name="Sign out").click()
        expect(toast(console)).to_contain_text("You are signed out.")
        console.goto("/staff/queue/?search=beta")
        console.get_by_label("E-mail address").fill(EMAIL)
        console.get_by_label("Password").fill("not the password")
        console.keyboard.press("Enter")
        expect(console.get_by_role("alert")).to_contain_text("is not right")
        console.get_by_label("Password").fill(PASSWORD)
        console.keyboard.press("Enter")
        expect(titles(console)).to_have_text(["Beta"])

    def test_a_session_that_ended_elsewhere_leads_to_sign_in(self, desk: Desk, console: Page) -> None:
        with desk.app.app_context():
            accounts.end_sessions(db.session.query(Staff).one())
            db.session.commit()
        console.clock.run_for(POLL)
        expect(console).to_have_url(re.compile(r"/staff/sign-in\?next="))


class TestTheQueue:
    def test_filters_combine_and_live_in_the_address(self, console: Page) -> None:
        console.get_by_text("Priority", exact=True).first.click()
        console.get_by_label("Critical").check()
        expect(titles(console)).to_have_text(["Beta"])
        console.get_by_label("High").check()
        expect(titles(console)).to_have_text(["Alpha", "Beta"])
        console.get_by_label("Search tickets").fill("alp")
        console.clock.run_for(400)
        expect(titles(console)).to_have_text(["Alpha"])
        expect(console).to_have_url(re.compile(r"\?search=alp&priority=high&priority=critical$"))
        console.reload()
        expect(titles(console)).to_have_text(["Alpha"])
        expect(console.get_by_label("Search tickets")).to_have_value("alp")
        console.get_by_role("link", name="Search alp").click()
        expect(titles(console)).to_have_text(["Alpha", "Beta"])
        console.get_by_role("link", name="Clear all").click()
        expect(titles(console)).to_have_count(4)
        console.go_back()
        expect(titles(console)).to_have_text(["Alpha", "Beta"])

    def test_back_undoes_a_filter(self, console: Page) -> None:
        console.get_by_text("Category", exact=True).first.click()
        console.get_by_label("Billing").check()
        expect(titles(console)).to_have_text(["Beta"])
        console.go_back()
        expect(titles(console)).to_have_count(4)
        expect(console.get_by_label("Billing")).not_to_be_checked()

    def test_the_heads_of_columns_order_the_list(self, console: Page) -> None:
        console.get_by_role("columnheader", name="Priority").get_by_role("link").click()
        expect(titles(console)).to_have_text(["Beta", "Alpha", "Gamma", "Delta"])
        console.get_by_role("columnheader", name="Priority").get_by_role("link").click()
        expect(titles(console)).to_have_text(["Delta", "Gamma", "Alpha", "Beta"])

    def test_a_field_is_changed_in_the_row_and_can_be_undone(
        self, desk: Desk, console: Page, tickets: list[int]
    ) -> None:
        status = console.get_by_label(f"Status of TD-{tickets[0]}")
        status.select_option("resolved")
        expect(toast(console)).to_contain_text(f"TD-{tickets[0]}: status is now resolved.")
        assert value(desk, tickets[0], "status") == Status.RESOLVED
        toast(console).get_by_role("button", name="Undo").click()
        expect(toast(console)).to_contain_text("status is now open.")
        expect(status).to_have_value("open")
        assert value(desk, tickets[0], "status") == Status.OPEN

    def test_a_change_that_fails_is_told_and_taken_back(self, console: Page, tickets: list[int]) -> None:
        console.route("**/api/tickets/*/", lambda route: route.abort())
        status = console.get_by_label(f"Status of TD-{tickets[0]}")
        status.select_option("closed")
        expect(toast(console)).to_contain_text("is not changed. The desk cannot be reached")
        expect(status).to_have_value("open")

    def test_refreshing_takes_nothing_away_from_whoever_works(
        self, desk: Desk, console: Page, tickets: list[int]
    ) -> None:
        row(console, "Beta").locator("input[name=ticket]").check()
        row(console, "Alpha").locator(".peek").click()
        expect(row(console, "Alpha")).to_contain_text("The whole story of Alpha.")
        status = console.get_by_label(f"Status of TD-{tickets[2]}")
        status.focus()
        with desk.app.app_context():
            make_ticket("Newcomer")
        change(desk, tickets[1], lambda ticket: service.change_status(ticket, Status.RESOLVED, COLLEAGUE))
        poll(console)
        expect(titles(console)).to_have_text(["Newcomer", "Alpha", "Beta", "Gamma", "Delta"])
        expect(console.get_by_label(f"Status of TD-{tickets[1]}")).to_have_value("resolved")
        expect(row(console, "Alpha")).to_contain_text("The whole story of Alpha.")
        expect(row(console, "Alpha").locator(".peek")).to_have_attribute("aria-expanded", "true")
        expect(row(console, "Beta").locator("input[name=ticket]")).to_be_checked()
        expect(status).to_be_focused()
        expect(console.locator("#found")).to_have_text("5 tickets")

    def test_refreshing_keeps_what_is_being_typed(self, desk: Desk, console: Page) -> None:
        search = console.get_by_label("Search tickets")
        search.press_sequentially("be")
        with desk.app.app_context():
            make_ticket("Better late")
        poll(console)
        expect(search).to_have_value("be")
        expect(search).to_be_focused()
        # The older one has the word in its text, too.
        expect(titles(console)).to_have_text(["Beta", "Better late"])

    def test_an_open_row_stays_until_it_is_closed_even_where_it_no_longer_belongs(
        self, desk: Desk, console: Page, tickets: list[int]
    ) -> None:
        console.goto("/staff/queue/?status=open")
        row(console, "Beta").locator(".peek").click()
        expect(row(console, "Beta").locator(".opened-ticket")).to_be_visible()
        for ticket_id in tickets[1:3]:
            change(desk, ticket_id, lambda ticket: service.change_status(ticket, Status.CLOSED, COLLEAGUE))
        poll(console)
        expect(titles(console)).to_have_text(["Alpha", "Beta", "Delta"])
        expect(row(console, "Beta").locator(".opened-ticket")).to_be_visible()
        row(console, "Beta").locator(".peek").click()
        console.get_by_role("heading", name="Queue").click()
        poll(console)
        expect(titles(console)).to_have_text(["Alpha", "Delta"])

    def test_many_are_changed_at_once(self, desk: Desk, console: Page, tickets: list[int]) -> None:
        bar = console.get_by_role("form", name="Change the selected tickets")
        expect(bar).to_be_hidden()
        ticks = console.locator("input[name=ticket]")
        ticks.nth(0).click()
        ticks.nth(2).click(modifiers=["Shift"])
        expect(bar).to_contain_text("3 tickets")
        bar.get_by_label("Set the priority").select_option("low")
        bar.get_by_role("button", name="Change").click()
        expect(toast(console)).to_contain_text("3 tickets changed.")
        expect(bar).to_be_hidden()
        assert {value(desk, ticket_id, "priority") for ticket_id in tickets} == {Priority.LOW}
        console.get_by_label("Select all on this page").check()
        expect(bar).to_contain_text("4 tickets")
        bar.get_by_role("button", name="Clear selection").click()
        expect(bar).to_be_hidden()


class TestATicketsPage:
    def test_a_field_saves_itself_and_the_history_shows_it(self, desk: Desk, console: Page, tickets: list[int]) -> None:
        console.goto(f"/staff/tickets/{tickets[0]}")
        console.get_by_label("Status").select_option("in_progress")
        expect(toast(console)).to_contain_text("Saved.")
        expect(console.locator("#thread")).to_contain_text(
            "Margaret Hamilton changed the status from Open to In progress"
        )
        console.get_by_text("Rename").click()
        console.get_by_label("Title").fill("A clearer title")
        console.keyboard.press("Enter")
        expect(console.get_by_role("heading", level=1)).to_have_text("A clearer title")

    def test_a_colleagues_change_shows_up_and_never_takes_the_typed_title_away(
        self, desk: Desk, console: Page, tickets: list[int]
    ) -> None:
        console.goto(f"/staff/tickets/{tickets[0]}")
        console.get_by_text("Rename").click()
        console.get_by_label("Title").fill("Half a ti")
        change(desk, tickets[0], lambda ticket: service.change_status(ticket, Status.RESOLVED, COLLEAGUE))
        poll(console)
        expect(console.locator("#thread")).to_contain_text("Grace Hopper changed the status")
        expect(console.get_by_label("Status")).to_have_value("resolved")
        expect(console.get_by_label("Title")).to_have_value("Half a ti")
        expect(console.get_by_label("Title")).to_be_focused()

    def test_two_who_change_at_once_are_told(self, desk: Desk, console: Page, tickets: list[int]) -> None:
        console.goto(f"/staff/tickets/{tickets[0]}")
        change(desk, tickets[0], lambda ticket: service.change_priority(ticket, Priority.LOW, COLLEAGUE))
        console.get_by_label("Priority").select_option("critical")
        expect(console.get_by_role("alert")).to_contain_text("changed while you had it open")
        axe(console)
        console.get_by_role("button", name="Save it all the same").click()
        expect(toast(console)).to_contain_text("Saved.")
        assert value(desk, tickets[0], "priority") == Priority.CRITICAL


class TestWithoutScript:
    def test_everything_works_by_forms_and_links(self, desk: Desk, tickets: list[int], open_page: OpenPage) -> None:
        page = open_page(java_script_enabled=False)
        with desk.app.app_context():
            make_staff(name="Margaret Hamilton", email=EMAIL)
        page.goto("/staff/queue/")
        page.get_by_label("E-mail address").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("Status", exact=True).first.click()
        page.get_by_label("Open", exact=True).check()
        page.get_by_role("button", name="Apply").click()
        expect(page).to_have_url(re.compile("status=open"))
        page.locator("input[name=ticket]").first.check()
        page.get_by_label("Set the status").select_option("in_progress")
        page.get_by_role("button", name="Change").click()
        expect(toast(page)).to_contain_text(f"TD-{tickets[0]} set to in progress.")
        page.get_by_role("link", name="Beta").click()
        page.get_by_label("Category").select_option("general")
        page.get_by_role("button", name="Set").nth(3).click()
        expect(toast(page)).to_contain_text("Saved.")
        assert value(desk, tickets[1], "category") == Category.GENERAL


class TestTheRest:
    def test_the_dashboard_follows_what_happens(self, desk: Desk, console: Page) -> None:
        console.goto("/staff/")
        expect(console.get_by_role("main").get_by_role("link", name="Open 4")).to_be_visible()
        with desk.app.app_context():
            make_ticket("All is lost", priority=Priority.CRITICAL)
        poll(console)
        expect(console.get_by_role("main").get_by_role("link", name="Open 5")).to_be_visible()
        expect(console.get_by_role("img", name="Tickets created a day")).to_be_visible()
        console.get_by_role("link", name="Critical", exact=True).click()
        expect(titles(console)).to_have_text(["All is lost", "Beta"])

    def test_a_token_is_made_copied_and_revoked(self, console: Page) -> None:
        console.context.grant_permissions(["clipboard-read", "clipboard-write"])
        console.goto("/staff/tokens/")
        console.get_by_role("link", name="Make a token").first.click()
        console.get_by_label("Name").fill("Shop backend")
        console.get_by_role("button", name="Make the token").click()
        secret = console.get_by_label("Token", exact=True).input_value()
        axe(console)
        console.get_by_role("button", name="Copy").click()
        expect(toast(console)).to_contain_text("Copied.")
        assert console.evaluate("navigator.clipboard.readText()") == secret
        console.get_by_role("link", name="I have copied it").click()
        console.get_by_role("button", name="Revoke Shop backend").click()
        revoke = console.get_by_role("button", name="Revoke the token")
        expect(revoke).to_be_visible()
        axe(console)
        revoke.click()
        expect(toast(console)).to_contain_text("“Shop backend” is revoked.")


PAGES = (
    "/staff/",
    "/staff/queue/",
    "/staff/queue/?search=nothing-like-it&status=open",
    "/staff/tickets/{ticket}",
    "/staff/people/",
    "/staff/people/new/",
    "/staff/tokens/",
    "/staff/tokens/new/",
    "/staff/suggestions/",
    "/staff/jobs/",
    "/staff/password",
)


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_for_everybody(
    desk: Desk, tickets: list[int], open_page: OpenPage, screen: dict[str, int]
) -> None:
    # Without transitions: axe would measure colours on their way from light to dark.
    page = open_page(viewport=screen, reduced_motion="reduce")
    with desk.app.app_context():
        make_token()

    def inspect() -> None:
        axe(page)
        assert has_no_sideways_scroll(page), page.url
        if screen is DESKTOP:
            # The colours are the same on a phone, where the light ones have shown that.
            page.emulate_media(color_scheme="dark")
            axe(page)
            page.emulate_media(color_scheme="light")

    page.goto("/staff/sign-in")
    inspect()
    signed_in(desk, page)
    for path in PAGES:
        page.goto(path.format(ticket=tickets[0]))
        inspect()
    page.goto("/staff/queue/")
    row(page, "Alpha").locator(".peek").click()
    expect(page.locator(".opened-ticket")).to_be_visible()
    page.locator("input[name=ticket]").first.check()
    page.get_by_text("Status", exact=True).first.click()
    inspect()
    if screen is PHONE:
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Menu").click()
        inspect()
        page.get_by_role("link", name="People").click()
        expect(page.get_by_role("heading", name="People")).to_be_visible()
