"""The queue by keyboard alone, its views, and finding one's place again, in a real browser."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask, Response, request, request_finished
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk, axe
from tests.browser.test_console import row, signed_in, titles, toast, value
from tests.factories import make_ticket
from ticketdesk.core.vocabulary import Priority, Status
from ticketdesk.extensions import db

Press = Callable[..., None]


def fill(desk: Desk, count: int) -> None:
    """Tickets named after the place that the queue shows them at."""
    with desk.app.app_context():
        for number in range(count, 0, -1):
            make_ticket(f"Number {number:02}", category=None)


@pytest.fixture
def press(page: Page) -> Press:
    """Press keys one after the other, each as Playwright names it."""

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    return press


@pytest.fixture
def queue(desk: Desk, page: Page) -> Page:
    """Five open tickets before an admin."""
    fill(desk, 5)
    signed_in(desk, page).goto("/staff/queue/?view=open&status=open&status=in_progress&snoozed=no")
    return page


def focused(page: Page, title: str) -> None:
    expect(row(page, title).locator("a.open")).to_be_focused()


def test_fifty_open_tickets_are_worked_to_none(desk: Desk, page: Page, press: Press) -> None:
    fill(desk, 50)
    signed_in(desk, page).goto("/staff/")
    press("g", "a")
    expect(page).to_have_title(re.compile(r"^All open \(50\)"))
    page.wait_for_load_state()
    # One is answered on its page, and the list is found again where it was left.
    press("j", "j", "Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Number 02")
    page.wait_for_load_state()
    press("r")
    expect(page.get_by_role("textbox", name="Reply")).to_be_focused()
    page.keyboard.type("It is on its way.")
    press("Control+Enter")
    expect(toast(page)).to_contain_text("your reply is sent", ignore_case=True)
    page.wait_for_load_state()
    press("g", "a")
    focused(page, "Number 03")
    # The others are resolved by ones, after a look at the first, and by a range.
    press("k", "k", "Space")
    expect(row(page, "Number 01").locator(".opened-ticket")).to_be_visible()
    press("e")
    expect(titles(page)).to_have_count(49)
    focused(page, "Number 02")
    for _ in range(9):
        press("e")
    expect(titles(page)).to_have_count(40)
    focused(page, "Number 11")
    press("x", *"j" * 38, "Shift+X", "e")
    expect(toast(page)).to_contain_text("39 tickets resolved.")
    expect(titles(page)).to_have_text(["Number 50"])
    focused(page, "Number 50")
    press("e")
    expect(page.get_by_role("heading", name="All done")).to_be_focused()
    expect(page).to_have_title(re.compile(r"^All open \(0\)"))
    expect(page.get_by_role("link", name="All open", exact=True)).to_have_attribute("aria-current", "page")
    with desk.app.app_context():
        left = db.session.scalar(sa.text("SELECT count(*) FROM ticket WHERE status <> 'resolved'"))
    assert left == 0
    axe(page)


def test_letters_move_open_and_choose(desk: Desk, queue: Page, press: Press) -> None:
    press("j", "j", "k", "j")
    focused(queue, "Number 02")
    press("ArrowRight")
    expect(row(queue, "Number 02").locator(".opened-ticket")).to_be_visible()
    press("Escape")
    expect(row(queue, "Number 02").locator(".opened-ticket")).to_be_hidden()
    press("ArrowDown", "p")
    menu = queue.get_by_role("menu", name="Set the priority: TD-1003")
    expect(menu).to_be_visible()
    axe(queue)
    press("c", "Enter")
    expect(toast(queue)).to_contain_text("TD-1003 changed.")
    assert value(desk, 1003, "priority") == Priority.CRITICAL
    focused(queue, "Number 03")
    press("a")
    expect(toast(queue)).to_contain_text("TD-1003 assigned to you.")
    expect(row(queue, "Number 03")).to_contain_text("Assigned to Margaret Hamilton")
    press("h", "t", "Enter")
    expect(toast(queue)).to_contain_text("TD-1003 snoozed.")
    expect(titles(queue)).to_have_text(["Number 01", "Number 02", "Number 04", "Number 05"])
    focused(queue, "Number 04")
    press("l")
    queue.keyboard.type("vip, refund")
    press("Enter")
    expect(row(queue, "Number 04")).to_contain_text("refund")
    focused(queue, "Number 04")
    press("s", "r", "Enter")
    expect(toast(queue)).to_contain_text("resolved.")
    focused(queue, "Number 05")


def test_letters_are_letters_where_one_types(queue: Page, press: Press) -> None:
    press("/")
    search = queue.get_by_label("Search tickets")
    expect(search).to_be_focused()
    queue.keyboard.type("gaxe?")
    queue.clock.run_for(400)
    expect(search).to_have_value("gaxe?")
    press("Escape", "?")
    shortcuts = queue.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shortcuts).to_be_visible()
    axe(queue)
    shortcuts.get_by_label("Shortcuts are on").uncheck()
    press("Escape", "?", "g", "m", "j", "e")
    expect(shortcuts).to_be_hidden()
    expect(queue).to_have_url(re.compile("search=gaxe"))


def test_what_fails_is_told_and_changes_nothing(desk: Desk, queue: Page, press: Press) -> None:
    queue.context.set_offline(True)
    press("j", "e")
    expect(toast(queue)).to_contain_text("Nothing is changed.")
    expect(titles(queue)).to_have_count(5)
    assert value(desk, 1005, "status") == Status.OPEN


def test_a_view_is_saved_changed_and_deleted(queue: Page) -> None:
    queue.goto("/staff/queue/")
    queue.locator("summary").filter(has_text="Priority").click()
    queue.get_by_label("High").check()
    queue.get_by_role("button", name="Save as a view").click()
    queue.get_by_label("Name").fill("All that is urgent")
    queue.keyboard.press("Enter")
    expect(toast(queue)).to_contain_text("“All that is urgent” is saved")
    link = queue.get_by_role("link", name="All that is urgent")
    expect(link).to_have_attribute("aria-current", "page")
    expect(link).to_contain_text("5")
    expect(queue.get_by_role("heading", level=1)).to_have_text("All that is urgent")
    queue.locator("summary").filter(has_text="Priority").click()
    queue.get_by_label("Low").check()
    queue.keyboard.press("Escape")
    queue.get_by_role("button", name="Save to “All that is urgent”").click()
    expect(toast(queue)).to_contain_text("is saved.")
    expect(queue.get_by_role("button", name="Save as a view")).to_be_hidden()
    queue.get_by_role("link", name="Rename, order or delete views").click()
    name = queue.get_by_label("Name of All that is urgent")
    expect(name).to_be_visible()
    axe(queue)
    name.fill("Nothing urgent")
    queue.keyboard.press("Enter")
    expect(toast(queue)).to_contain_text("“Nothing urgent” is saved.")
    queue.get_by_role("button", name="Delete Nothing urgent").click()
    queue.get_by_role("button", name="Delete the view").click()
    expect(toast(queue)).to_contain_text("“Nothing urgent” is deleted.")
    expect(queue.get_by_role("link", name="Nothing urgent")).to_be_hidden()


def test_going_back_finds_the_row_and_what_was_selected(desk: Desk, open_page: Callable[..., Page]) -> None:
    fill(desk, 5)
    page = open_page()
    signed_in(desk, page, clock=False).goto("/staff/queue/")
    for key in ("j", "x", "j", "j", "x", "j", "o"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text("Number 04")
    page.go_back()
    focused(page, "Number 04")
    expect(page.locator("input[name=ticket]:checked")).to_have_count(2)
    expect(page.get_by_role("form", name="Change the selected tickets")).to_contain_text("2 tickets")
    page.keyboard.press("o")
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Number 03")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link").first.click()
    focused(page, "Number 03")


def test_what_has_not_changed_is_not_sent_again(desk: Desk, queue: Page) -> None:
    answered: list[int] = []

    def note(_app: Flask, response: Response) -> None:
        if request.path == "/staff/queue/rows":
            answered.append(response.status_code)

    with request_finished.connected_to(note, desk.app):
        for _ in range(2):
            with queue.expect_response("**/rows*"):
                queue.evaluate("() => htmx.trigger('#list', 'refresh')")
        assert answered == [200, 304]
        fill(desk, 1)
        queue.evaluate("() => htmx.trigger('#list', 'refresh')")
        expect(titles(queue)).to_have_count(6)
    assert answered == [200, 304, 200]
