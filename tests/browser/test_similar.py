"""The similar tickets of a ticket's page in a real browser."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk, OpenPage
from tests.browser.test_console import signed_in
from tests.factories import make_ticket


def pair(desk: Desk) -> tuple[int, int]:
    with desk.app.app_context():
        return make_ticket("No code arrives").id, make_ticket("Code missing", "It never arrives.").id


def test_they_come_by_themselves_and_stay_when_the_page_refreshes(desk: Desk, page: Page) -> None:
    ticket, other = pair(desk)
    signed_in(desk, page).goto(f"/staff/tickets/{ticket}")
    similar = page.get_by_role("region", name="Similar tickets")
    expect(similar.get_by_role("link", name="Code missing")).to_be_visible()
    with page.expect_response(re.compile("/live")):
        page.clock.run_for(6_000)
    similar.get_by_role("link", name="Code missing").click()
    expect(page).to_have_url(re.compile(f"/staff/tickets/{other}$"))


def test_without_javascript_a_link_leads_to_them(desk: Desk, open_page: OpenPage) -> None:
    ticket, _other = pair(desk)
    page = signed_in(desk, open_page(java_script_enabled=False))
    page.goto(f"/staff/tickets/{ticket}")
    page.get_by_role("link", name="Look for tickets that read like this one").click()
    expect(page.get_by_role("link", name="Code missing")).to_be_visible()
