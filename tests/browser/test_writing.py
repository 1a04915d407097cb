"""Writing on a ticket in a real browser: canned replies, macros, previews, and a list worked by keyboard."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Desk, OpenPage, axe, has_no_sideways_scroll
from tests.browser.test_console import EMAIL, poll, sign_in, signed_in, toast, value
from tests.factories import make_ticket
from ticketdesk.core.vocabulary import Priority, Status
from ticketdesk.extensions import db
from ticketdesk.models import Message, Staff
from ticketdesk.tickets import canned, drafts, queries
from ticketdesk.tickets.canned import NewCannedReply

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def tickets(desk: Desk) -> list[int]:
    """Three open tickets, the newest first."""
    with desk.app.app_context():
        names = ("Barbara Liskov", "Alan Turing", "Ada Lovelace")
        return [make_ticket(f"From {name}", requester_name=name).id for name in names][::-1]


@pytest.fixture
def desk_page(desk: Desk, tickets: list[int], page: Page) -> Page:
    """A page of an admin who has three canned replies."""
    keep_canned(desk, signed_in(desk, page))
    return page


def keep_canned(desk: Desk, page: Page) -> None:
    with desk.app.app_context():
        me = db.session.query(Staff).filter_by(email=EMAIL).one()
        for new in (
            NewCannedReply("Refund sent", "Hi {{ requester.first_name }}, **done**.", "refund", status=Status.RESOLVED),
            NewCannedReply("Ask for more", f"Which version, {{{{ requester.name }}}}? {HOSTILE}", "ask"),
            NewCannedReply(HOSTILE, "", "spam", priority=Priority.LOW, tags=["spam"]),
        ):
            canned.create_canned_reply(new, me)
        db.session.commit()


def said(desk: Desk, ticket_id: int) -> list[str]:
    with desk.app.app_context():
        return [message.body for message in db.session.query(Message).filter_by(ticket_id=ticket_id).order_by("id")]


def shows(page: Page, title: str) -> None:
    """The page of the ticket with this title is there, with its scripts, which then hear keys."""
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.wait_for_load_state()


def options(page: Page) -> list[str]:
    return page.locator("#picker [role=option]:visible .title").all_inner_texts()


def test_three_tickets_are_worked_without_the_mouse(desk: Desk, desk_page: Page, tickets: list[int]) -> None:
    page, keys = desk_page, desk_page.keyboard
    page.goto("/staff/queue/?status=open")
    keys.press("j")
    keys.press("o")
    shows(page, "From Ada Lovelace")

    # The first gets a macro, which is shown before it is sent, and leaves the list with it.
    keys.press("r")
    keys.type("/ref")
    expect(page.get_by_role("option", name="Refund sent")).to_have_attribute("aria-selected", "true")
    keys.press("Enter")
    reply = page.get_by_label("Reply to Ada Lovelace")
    expect(reply).to_have_value("Hi Ada, **done**.")
    expect(page.get_by_role("group", name="Changes when you send:")).to_contain_text("Status Resolved")
    assert value(desk, tickets[0], "status") == Status.OPEN
    keys.press("Control+Enter")
    shows(page, "From Alan Turing")
    expect(toast(page)).to_contain_text(f"TD-{tickets[0]}: your reply is sent, and the ticket is resolved.")
    assert said(desk, tickets[0]) == ["Hi Ada, **done**."]
    assert value(desk, tickets[0], "status") == Status.RESOLVED

    # The second is passed over and come back to, and resolved by a key with the reply.
    keys.press("j")
    shows(page, "From Barbara Liskov")
    keys.press("k")
    shows(page, "From Alan Turing")
    keys.press("r")
    keys.type("It works /etc/hosts now.")
    expect(page.locator("#picker")).to_be_hidden()
    keys.press("Control+Shift+Enter")
    shows(page, "From Barbara Liskov")
    assert value(desk, tickets[1], "status") == Status.RESOLVED

    # The third is the last: a note stays on it, and from there it is back to the list.
    keys.press("n")
    keys.type("Nothing to be done.")
    keys.press("Control+Enter")
    expect(toast(page)).to_contain_text("Your note is added.")
    expect(page.locator(".post.note")).to_be_focused()
    page.wait_for_load_state()
    keys.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    axe(page)
    keys.press("e")
    keys.press("Escape")
    assert value(desk, tickets[2], "status") == Status.OPEN
    keys.press("e")
    expect(toast(page)).to_contain_text("This was the last ticket of the list.")
    assert value(desk, tickets[2], "status") == Status.RESOLVED
    expect(page).to_have_url(re.compile(r"/staff/queue/\?status=open$"))
    expect(page.locator("tbody.ticket")).to_have_count(0)
    page.go_back()
    page.wait_for_load_state()
    keys.press("g")
    keys.press("q")
    expect(page).to_have_url(re.compile(r"/staff/queue/\?status=open$"))


def test_canned_replies_are_found_by_what_follows_the_slash(desk: Desk, desk_page: Page, tickets: list[int]) -> None:
    page, keys = desk_page, desk_page.keyboard
    page.goto(f"/staff/tickets/{tickets[0]}")
    reply = page.get_by_label("Reply to Ada Lovelace")
    reply.click()
    keys.type("Hello. /")
    expect(page.get_by_role("listbox", name="Canned replies")).to_be_visible()
    assert options(page) == [HOSTILE, "Ask for more", "Refund sent"]
    expect(page.locator("[data-picker-told]")).to_have_text("3 canned replies; choose with the arrow keys.")
    axe(page)
    keys.press("ArrowDown")
    expect(reply).to_have_attribute("aria-activedescendant", re.compile("canned-"))
    # Escape leaves the slash to be one, until the next word.
    keys.press("Escape")
    keys.type("as")
    expect(page.locator("#picker")).to_be_hidden()
    expect(reply).to_be_focused()
    keys.type(" /more")
    assert options(page) == ["Ask for more"]
    page.get_by_role("option", name="Ask for more").click()
    expect(reply).to_have_value(f"Hello. /as Which version, Ada Lovelace? {HOSTILE}")
    expect(reply).to_be_focused()
    page.get_by_role("button", name="Canned replies").click()
    assert len(options(page)) == 3

    # One without a text only changes the ticket, and each change can be left out.
    reply.fill("/spam")
    keys.press("Enter")
    expect(reply).to_have_value("")
    page.get_by_role("button", name="Leave out: tag spam").click()
    expect(page.get_by_role("button", name="Send to Ada")).to_be_hidden()
    page.get_by_role("button", name="Apply the changes").click()
    expect(toast(page)).to_contain_text("The ticket is changed.")
    assert said(desk, tickets[0]) == []
    assert value(desk, tickets[0], "priority") == Priority.LOW
    assert value(desk, tickets[0], "tags") == "[]"


def test_what_is_wrong_with_a_reply_is_said_before_and_when_it_is_sent(
    desk: Desk, desk_page: Page, tickets: list[int]
) -> None:
    page = desk_page
    page.goto(f"/staff/tickets/{tickets[0]}")
    reply = page.get_by_label("Reply to Ada Lovelace")
    reply.fill(f"Hi {{{{ requester.first_name }}}}, **soon**. {HOSTILE}")
    page.get_by_role("tab", name="Preview").click()
    expect(page.locator("#preview")).to_have_text(f"Hi Ada, soon. {HOSTILE}")
    expect(page.locator("#preview strong")).to_have_text("soon")
    axe(page)
    page.keyboard.press("r")
    expect(reply).to_be_focused()
    reply.fill("Hi {{ requester.nmae }}")
    page.get_by_role("tab", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("There is no variable “requester.nmae”")
    page.get_by_role("button", name="Send to Ada").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no variable “requester.nmae”")
    expect(reply).to_have_value("Hi {{ requester.nmae }}")
    expect(reply).to_be_focused()
    axe(page)
    assert said(desk, tickets[0]) == []
    page.wait_for_load_state()

    # Marks by keys, also round nothing.
    reply.fill("Now")
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+b")
    expect(reply).to_have_value("**Now**")
    page.keyboard.press("Control+z")
    expect(reply).to_have_value("Now")


def test_a_draft_on_its_way_does_not_come_back_after_the_reply(desk: Desk, desk_page: Page, tickets: list[int]) -> None:
    page = desk_page
    page.goto(f"/staff/tickets/{tickets[0]}")
    page.route("**/draft", lambda route: None)
    reply = page.get_by_label("Reply to Ada Lovelace")
    with page.expect_request("**/draft") as keeping:
        reply.fill("It is mended.")
        page.clock.run_for(1_100)
    page.get_by_role("button", name="Send to Ada").click()
    expect(toast(page)).to_contain_text("Your reply is sent.")
    # What was under way then arrives after all.
    late = page.request.post(
        keeping.value.url,
        data=keeping.value.post_data_buffer,
        headers={"Content-Type": keeping.value.headers["content-type"], "Referer": page.url},
    )
    assert late.status == 204
    page.reload()
    expect(reply).to_have_value("")
    with desk.app.app_context():
        ticket, me = queries.by_id(tickets[0]), db.session.query(Staff).filter_by(email=EMAIL).one()
        assert drafts.drafts_of(me, ticket) == {}


def test_two_who_have_a_ticket_open_see_each_other(
    desk: Desk, desk_page: Page, tickets: list[int], open_page: OpenPage
) -> None:
    page = desk_page
    page.goto(f"/staff/tickets/{tickets[0]}")
    expect(page.locator(".present li")).to_have_count(0)
    other = open_page()
    sign_in(desk, other, name=f"Grace {HOSTILE}", email="grace@desk.example")
    other.clock.install()
    other.goto(f"/staff/tickets/{tickets[0]}")
    expect(other.get_by_role("status").filter(has_text="Margaret")).to_have_text(
        "MH Margaret Hamilton has this open, too"
    )
    other.get_by_label("Reply to Ada Lovelace").press_sequentially("It is")
    poll(other)
    poll(page)
    expect(page.locator(".present li")).to_have_text([re.compile(r"^G.*Grace <img .* is writing a reply")])
    axe(page)


def test_a_ticket_is_put_to_sleep_by_keyboard(desk: Desk, desk_page: Page, tickets: list[int]) -> None:
    page, keys = desk_page, desk_page.keyboard
    page.goto(f"/staff/tickets/{tickets[0]}")
    keys.press("s")
    expect(page.locator("#snooze button").first).to_be_focused()
    axe(page)
    keys.press("Escape")
    expect(page.locator("#snooze summary")).to_be_focused()
    expect(page.locator("#snooze button").first).to_be_hidden()
    keys.press("s")
    page.get_by_role("button", name="Tomorrow morning tomorrow 09:00").focus()
    keys.press("Enter")
    expect(toast(page)).to_contain_text("It sleeps until tomorrow 09:00.")
    expect(page.locator("#snooze summary")).to_be_focused()
    expect(page.get_by_text("Snoozed until tomorrow 09:00")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Wake it now").click()
    expect(toast(page)).to_contain_text("It is awake.")
    assert value(desk, tickets[0], "snoozed_until") == "None"


LOOKS: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_canned_replies_are_kept_by_everybody(
    desk: Desk, tickets: list[int], open_page: OpenPage, screen: dict[str, int]
) -> None:
    page = open_page(viewport=screen, reduced_motion="reduce")
    signed_in(desk, page)
    page.goto("/staff/canned/")
    axe(page)
    page.get_by_role("link", name="Write the first one").click()
    page.get_by_label("Title").fill(HOSTILE)
    text = page.get_by_label("Text", exact=True)
    text.fill("Dear ")
    page.get_by_role("button", name="{{ requester.name }}").click()
    expect(text).to_have_value("Dear {{ requester.name }}")
    page.clock.run_for(400)
    expect(page.locator("#preview")).to_have_text("Dear Ada Lovelace")
    text.press_sequentially(" {{ nobody }}")
    page.clock.run_for(400)
    expect(page.locator("#preview")).to_contain_text("There is no variable “nobody”")
    page.get_by_label("Status").select_option("closed")
    page.get_by_label("Tags to add").fill("late, vip")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no variable “nobody”")
    expect(page.get_by_label("Title")).to_have_value(HOSTILE)
    for scheme in LOOKS:
        page.emulate_media(color_scheme=scheme)
        axe(page)
    assert has_no_sideways_scroll(page)
    text.fill(f"Dear {{{{ requester.name }}}} {HOSTILE}")
    page.get_by_role("button", name="Keep it").click()
    expect(toast(page)).to_contain_text(f"“{HOSTILE}” is kept.")
    expect(page.locator(".canned")).to_contain_text("Status: Closed Tag: late Tag: vip")
    for scheme in LOOKS:
        page.emulate_media(color_scheme=scheme)
        axe(page)
    assert has_no_sideways_scroll(page)
    page.locator(".canned").get_by_role("link", name=HOSTILE).first.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it").click()
    expect(toast(page)).to_contain_text("is deleted")
    expect(page.get_by_role("heading", name="No canned replies yet")).to_be_visible()
