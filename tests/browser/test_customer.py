"""What customers do after they have written to the desk: answer, rate, and find their tickets again."""

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Desk, OpenPage, axe, has_no_sideways_scroll
from tests.factories import make_ticket
from tests.jobs.drain import run_jobs
from ticketdesk.core.actors import SYSTEM
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.mail import subscriptions
from ticketdesk.models import MailKind, Message, OutgoingMail, Ticket
from ticketdesk.tickets import service

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])


def set_status(desk: Desk, link: str, status: Status) -> None:
    with desk.app.app_context():
        [ticket] = db.session.scalars(sa.select(Ticket)).all()
        service.change_status(service.locked(ticket.id), status, SYSTEM)
        db.session.commit()


@pytest.fixture
def link(desk: Desk) -> str:
    """The address of Ada's ticket."""
    with desk.app.app_context():
        return f"/t/{make_ticket(title='W' * 120).link_id.hex}"


def mailed_link(desk: Desk) -> str:
    """What the mail says that somebody asked for."""
    with desk.app.app_context():
        run_jobs()
        newest = sa.select(OutgoingMail.text).where(OutgoingMail.kind == MailKind.SIGN_IN)
        text = db.session.scalars(newest.order_by(OutgoingMail.id.desc())).first() or ""
    found = re.search(r"/my/link/\S+", text)
    assert found is not None
    return found[0]


@SCRIPTS
def test_one_click_rates(open_page: OpenPage, desk: Desk, link: str, scripts: bool) -> None:
    page = open_page(java_script_enabled=scripts)
    if scripts:
        page.goto(link)
    set_status(desk, link, Status.RESOLVED)
    if scripts:
        # The page that is open asks by itself, and soon; here without waiting.
        page.evaluate("htmx.trigger('#progress', 'refresh')")
    else:
        page.goto(link)
    page.get_by_role("button", name="Could be better").click()
    expect(page.get_by_role("heading", name="Thank you for your rating")).to_be_visible()
    expect(page.get_by_role("button", name="Could be better")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("What made it so?").fill("It took a week.")
    page.get_by_role("button", name="Save the comment").click()
    expect(page.get_by_label("What made it so?")).to_have_value("It took a week.")
    page.get_by_role("button", name="Good", exact=True).click()
    expect(page.get_by_role("button", name="Good", exact=True)).to_have_attribute("aria-pressed", "true")
    with desk.app.app_context():
        assert db.session.execute(sa.select(Ticket.rating, Ticket.rating_comment)).one() == ("good", "It took a week.")


@SCRIPTS
def test_tickets_are_found_by_a_mailed_link(open_page: OpenPage, desk: Desk, link: str, scripts: bool) -> None:
    page = open_page(java_script_enabled=scripts)
    page.goto("/")
    page.get_by_role("navigation", name="Your tickets").get_by_role("link", name="Find my tickets").click()
    page.get_by_label("E-mail address").fill("ADA@example.com")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_text("If tickets were opened with ADA@example.com")).to_be_visible()
    mailed = mailed_link(desk)
    page.goto(mailed)
    page.get_by_role("button", name="Show my tickets").click()
    expect(page.get_by_role("heading", name="My tickets")).to_be_visible()
    page.get_by_role("link", name="WWW").click()
    expect(page).to_have_url(re.compile(f"{link}$"))
    page.get_by_role("link", name="Find my tickets").first.click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Send me a link")).to_be_visible()
    page.goto(mailed)
    expect(page.get_by_role("alert")).to_contain_text("This link no longer works")


def test_a_reply_that_is_being_typed_outlives_a_reload_until_it_is_sent(page: Page, desk: Desk, link: str) -> None:
    page.goto(link)
    reply = page.get_by_label("Your reply")
    reply.fill("It still happens")
    page.reload()
    expect(reply).to_have_value("It still happens")
    page.route(f"**{link}", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.get_by_role("button", name="Send reply").click()
    page.wait_for_url("chrome-error://**")
    page.unroute(f"**{link}")
    page.goto(link)
    expect(reply).to_have_value("It still happens")
    page.get_by_role("button", name="Send reply").click()
    expect(page.get_by_role("log")).to_contain_text("It still happens")
    expect(reply).to_have_value("")
    page.reload()
    expect(reply).to_have_value("")
    with desk.app.app_context():
        assert db.session.scalars(sa.select(Message.body)).all() == ["It still happens"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_these_pages_are_accessible_and_fit_a_phone(open_page: OpenPage, desk: Desk, link: str, scheme: str) -> None:
    page = open_page(color_scheme=scheme, viewport=PHONE, reduced_motion="reduce")

    def look() -> None:
        axe(page)
        assert has_no_sideways_scroll(page), page.url

    set_status(desk, link, Status.RESOLVED)
    with desk.app.test_request_context():
        unsubscribe = subscriptions.unsubscribe_url("ada@example.com")
    for address in (f"{link}/rating?rating=good", unsubscribe, "/my/link/unknown", "/my"):
        page.goto(address)
        look()
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_label("E-mail address")).to_be_focused()
    look()
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading", name="Look into your inbox")).to_be_visible()
    look()
    page.goto(mailed_link(desk))
    look()
    page.get_by_role("button", name="Show my tickets").click()
    expect(page.get_by_role("heading", name="My tickets")).to_be_visible()
    look()
    page.get_by_role("link", name="WWW").click()
    page.get_by_role("button", name="Good", exact=True).click()
    expect(page.get_by_role("heading", name="Thank you for your rating")).to_be_visible()
    look()
