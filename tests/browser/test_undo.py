"""Undoing, merging and deleting in a real browser, by mouse, by keyboard and without a script."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk, OpenPage, axe
from tests.browser.test_console import signed_in, titles, toast
from tests.factories import make_ticket

ALL = "/staff/queue/?sort=created_at"


@pytest.fixture
def three(desk: Desk) -> list[int]:
    """Three open tickets of one requester."""
    with desk.app.app_context():
        return [make_ticket(title).id for title in ("Alpha", "Beta", "Gamma")]


def tick(page: Page, *ids: int) -> None:
    for ticket_id in ids:
        page.locator(f'input[name="ticket"][value="{ticket_id}"]').check()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_bulk_change_is_undone_from_its_toast(
    desk: Desk, open_page: OpenPage, three: list[int], javascript: bool
) -> None:
    page = signed_in(desk, open_page(java_script_enabled=javascript), clock=javascript)
    page.goto(f"{ALL}&status=open")
    tick(page, *three[:2])
    page.locator("#bulk").get_by_label("Set the status").select_option("closed")
    page.locator("#bulk").get_by_role("button", name="Change").click()
    expect(toast(page)).to_contain_text("2 tickets closed.")
    expect(titles(page)).to_have_text(["Gamma"])
    undo = page.locator(".toast").get_by_role("button", name="Undo")
    undo.focus()
    page.keyboard.press("Enter")
    expect(toast(page)).to_contain_text("Undone.")
    expect(titles(page)).to_have_text(["Alpha", "Beta", "Gamma"])
    expect(page).to_have_url(f"{desk.url}{ALL}&status=open")


def test_tickets_are_merged_and_taken_apart(desk: Desk, page: Page, three: list[int]) -> None:
    signed_in(desk, page).goto(ALL)
    tick(page, *three[:2])
    page.get_by_role("button", name="Merge…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Merge 2 tickets")
    axe(page)
    page.get_by_role("radio", name="Beta").check()
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Beta")
    expect(page.locator(".thread")).to_contain_text(f"opened TD-{three[0]}, merged into this ticket")
    axe(page)
    page.get_by_role("button", name="Undo").first.click()
    expect(toast(page)).to_contain_text("Undone.")
    expect(page.locator(".thread")).not_to_contain_text(f"opened TD-{three[0]}")
    page.goto(ALL)
    expect(titles(page)).to_have_text(["Alpha", "Beta", "Gamma"])


def test_a_deleted_ticket_is_restored_from_the_trash(desk: Desk, page: Page, three: list[int]) -> None:
    signed_in(desk, page).goto(f"/staff/tickets/{three[2]}")
    page.get_by_role("button", name="Move to trash").click()
    expect(toast(page)).to_contain_text("moved to the trash")
    page.goto("/staff/trash/")
    axe(page)
    page.get_by_role("link", name="Gamma").click()
    expect(page.get_by_text("This ticket is in the trash.")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Restore").click()
    expect(page).to_have_url(f"{desk.url}/staff/tickets/{three[2]}")
    page.goto(ALL)
    expect(titles(page)).to_have_text(["Alpha", "Beta", "Gamma"])
