"""Talking on a ticket in a real browser, at the desk and on the customer's page."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Desk, OpenPage, axe
from tests.browser.test_console import POLL, change, signed_in, toast, value
from tests.factories import make_ticket
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.vocabulary import Status
from ticketdesk.extensions import db
from ticketdesk.models import Channel
from ticketdesk.tickets import conversation, service

GRACE = Actor(ActorKind.STAFF, 7, "Grace Hopper")


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


def test_a_customer_reads_and_answers_without_losing_a_word(desk: Desk, page: Page) -> None:
    with desk.app.app_context():
        ticket = make_ticket()
        ticket_id, link = ticket.id, f"/t/{ticket.link_id.hex}"
    page.clock.install()
    page.goto(link)
    typed = page.get_by_label("Your reply")
    typed.fill("It is the *last* one.")
    said = "Which version?\n\n<img src=x onerror=alert(1)> [me](javascript:alert(1))"
    change(desk, ticket_id, lambda ticket: conversation.add_reply(ticket, said, GRACE, Channel.STAFF))
    with page.expect_response(re.compile("/progress")):
        page.clock.run_for(POLL)
    thread = page.locator(".thread")
    expect(thread).to_contain_text("Which version?")
    expect(thread.locator("img, a")).to_have_count(0)
    expect(typed).to_have_value("It is the *last* one.")
    expect(typed).to_be_focused()
    page.get_by_role("button", name="Send reply").dblclick()
    expect(page).to_have_url(re.compile("#message-"))
    expect(thread.locator(".theirs em")).to_have_text("last")
    expect(thread.locator(".post")).to_have_count(3)
    axe(page)


def test_a_customer_needs_no_script(desk: Desk, open_page: OpenPage) -> None:
    with desk.app.app_context():
        ticket = make_ticket()
        link = f"/t/{ticket.link_id.hex}"
        service.change_status(service.locked(ticket.id), Status.RESOLVED, GRACE)
        db.session.commit()
    page = open_page(java_script_enabled=False, viewport=PHONE)
    page.goto(link)
    page.get_by_role("button", name="Send reply").click()
    expect(page.get_by_role("alert")).to_contain_text("Write something first.")
    page.get_by_label("Your reply").fill("Still broken.")
    page.get_by_role("button", name="Send reply").click()
    expect(page.get_by_role("heading", name="We have your ticket")).to_be_visible()
    page.get_by_role("button", name="It is solved, close the ticket").click()
    expect(page.get_by_role("heading", name="This ticket is closed")).to_be_visible()
    page.get_by_role("button", name="Open it again").click()
    expect(page.get_by_text("You opened the ticket again").first).to_be_visible()
