"""The AI's page in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Desk, OpenPage, axe, has_no_sideways_scroll
from tests.browser.test_console import signed_in
from tests.factories import make_ticket
from ticketdesk.core.vocabulary import Category, Priority
from ticketdesk.extensions import db
from ticketdesk.models import AiSuggestion, Occasion

TEXT = "I was charged twice for my invoice, please refund the second payment."


@pytest.fixture
def judged(desk: Desk) -> Desk:
    """A desk on which every category was proposed for every other."""
    with desk.app.app_context():
        for proposed in (*Category, None):
            for final in Category:
                values = {
                    "ticket_id": make_ticket().id,
                    "occasion": Occasion.FORM,
                    "engine": "local",
                    "model": "votes-1",
                    "category": proposed,
                    "priority": Priority.LOW,
                    "category_confidence": 0.8 if proposed == final else 0.55 if proposed else 0.3,
                    "guesses": [{"category": proposed or Category.GENERAL, "confidence": 0.5}],
                    "took_ms": 2.0,
                    "chosen_category": final,
                    "chosen_priority": Priority.HIGH if final is Category.BILLING else Priority.LOW,
                }
                db.session.add(AiSuggestion(**values))
        db.session.commit()
    return desk


def ask(page: Page) -> None:
    page.get_by_label("What a customer might write").fill(TEXT)
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("region", name="Answer")).to_contain_text("Billing")


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_read_the_page(judged: Desk, open_page: OpenPage, screen: dict[str, int]) -> None:
    # Without transitions: axe would measure colours on their way from light to dark.
    page = signed_in(judged, open_page(viewport=screen, reduced_motion="reduce"))
    page.goto("/staff/ai/")
    ask(page)
    for summary in page.get_by_text("Show the figures as a table").all():
        summary.click()
    axe(page)
    page.emulate_media(color_scheme="dark")
    axe(page)
    assert has_no_sideways_scroll(page)
    expect(page.get_by_role("img", name="Accepted suggestions by week")).to_be_visible()
    expect(page.get_by_role("row", name="Billing 1 1 1 1 25 %")).to_be_visible()


def test_it_works_without_javascript(judged: Desk, open_page: OpenPage) -> None:
    page = signed_in(judged, open_page(java_script_enabled=False))
    page.goto("/staff/ai/?by=day")
    ask(page)
    assert page.url.endswith("/staff/ai/try?by=day#try")
    expect(page.get_by_role("img", name="Accepted suggestions by day")).to_be_visible()


def test_the_state_of_the_engines_refreshes_itself(judged: Desk, page: Page) -> None:
    signed_in(judged, page).goto("/staff/ai/")
    questions = page.locator("#ai-now li").filter(has_text="Questions today")
    expect(questions).to_contain_text("20")
    with judged.app.app_context():
        db.session.add(AiSuggestion(occasion=Occasion.API, engine="local", failure="quota", took_ms=1.0))
        db.session.commit()
    page.clock.run_for(11_000)
    expect(questions).to_contain_text("1 fell back on the local engine (quota 1)")
