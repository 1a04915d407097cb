"""Talking on a ticket in a real browser, at the desk and on the customer's page."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk, axe
from tests.browser.test_console import POLL, change, signed_in, toast, value
from tests.factories import make_ticket
from ticketdesk.core.actors import CUSTOMER
from ticketdesk.core.vocabulary import Status
from ticketdesk.models import Channel
from ticketdesk.tickets import conversation


def test_a_ticket_is_answered_by_keyboard_and_nobody_is_answered_past(desk: Desk, page: Page) -> None:
    with desk.app.app_context():
        ticket_id = make_ticket().id
    signed_in(desk, page).goto(f"/staff/tickets/{ticket_id}")
    keys, thread = page.keyboard, page.locator("#thread")

    keys.press("a")
    expect(toast(page)).to_contain_text("Saved.")
    expect(page.get_by_label("Assignee").locator("option:checked")).to_have_text("Margaret Hamilton")

    keys.press("n")
    expect(page.get_by_label("Note for the desk")).to_be_focused()
    keys.type("Known since *Monday*.")
    keys.press("Control+Enter")
    expect(toast(page)).to_contain_text("Your note is added.")
    expect(thread.locator(".note")).to_contain_text("Internal note, only staff see this")
    expect(thread.locator(".note em")).to_have_text("Monday")

    # What the customer says while the reply is typed comes in, leaves the text alone and stops the reply once.
    keys.press("r")
    expect(page.get_by_label("Reply to Ada Lovelace")).to_be_focused()
    keys.type("It is mended.")
    change(desk, ticket_id, lambda ticket: conversation.add_reply(ticket, "It works now!", CUSTOMER, Channel.PORTAL))
    with page.expect_response(re.compile("/live")):
        page.clock.run_for(POLL)
    expect(thread).to_contain_text("It works now!")
    expect(page.locator("[data-meanwhile]")).to_contain_text("Something new was said while you wrote.")
    expect(page.get_by_label("Reply to Ada Lovelace")).to_have_value("It is mended.")
    expect(page.get_by_label("Reply to Ada Lovelace")).to_be_focused()
    keys.press("Control+Enter")
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("Not sent: this was said while you wrote.")
    expect(notice).to_contain_text("It works now!")
    axe(page)
    page.get_by_role("button", name="Send and resolve").click()
    expect(toast(page)).to_contain_text("Your reply is sent, and the ticket is resolved.")
    expect(thread.locator(".post").last).to_contain_text("It is mended.")
    assert value(desk, ticket_id, "status") == Status.RESOLVED
