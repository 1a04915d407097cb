"""The banner of an incident in a real browser."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Desk, OpenPage, axe, has_no_sideways_scroll
from tests.browser.test_console import signed_in
from tests.factories import make_ticket
from ticketdesk.core import clock
from ticketdesk.extensions import db
from ticketdesk.models import Incident


def arise(desk: Desk) -> None:
    with desk.app.app_context():
        ticket, now = make_ticket("No code arrives"), clock.now()
        db.session.add(Incident(words=["code"], search="code", ticket_ids=[ticket.id], began_at=now, seen_at=now))
        db.session.commit()


def test_it_shows_up_by_itself_leads_to_its_tickets_and_is_dismissed(desk: Desk, page: Page) -> None:
    signed_in(desk, page).goto("/staff/")
    banner = page.get_by_role("region", name="Incident: code")
    expect(banner).to_have_count(0)
    arise(desk)
    page.clock.run_for(31_000)
    expect(banner).to_be_visible()
    banner.get_by_role("link", name="Show them").click()
    expect(page.locator("tbody.ticket .title")).to_have_text(["No code arrives"])
    banner.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".toast").last).to_contain_text("Dismissed.")
    expect(banner).to_have_count(0)


def test_it_can_be_read_by_everybody(desk: Desk, open_page: OpenPage) -> None:
    arise(desk)
    page = signed_in(desk, open_page(viewport=PHONE, reduced_motion="reduce"))
    page.goto("/staff/queue/")
    axe(page)
    page.emulate_media(color_scheme="dark")
    axe(page)
    assert has_no_sideways_scroll(page)
