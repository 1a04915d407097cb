"""Files in a real browser: chosen, dropped, pasted, refused, and only ever saved."""

import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from playwright.sync_api import Dialog, FilePayload, Locator, Page, Route, expect
from werkzeug.datastructures import FileStorage

from tests.attachments.samples import HTML, MAIL, PDF, REFUSED, SVG, picture
from tests.browser.conftest import PHONE, Desk, OpenPage, axe, has_no_sideways_scroll
from tests.browser.test_console import signed_in, toast
from tests.factories import make_ticket
from tests.jobs.drain import run_jobs
from ticketdesk.attachments import service as attachments
from ticketdesk.core.actors import CUSTOMER
from ticketdesk.extensions import db
from ticketdesk.models import Attachment, Channel
from ticketdesk.tickets import conversation, service

LONG = "a picture with quite a long name, made by a camera that tells everything 0001.png"
# A picture to whoever looks at its beginning, and a script to whoever runs it.
POLYGLOT = b"GIF89a/*" + bytes(20) + b"*/=1;alert(document.domain)//"
XHTML = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>'


def chosen(content: bytes, name: str) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def rows(page: Page) -> Locator:
    return page.locator(".chosen-file")


def hand_over(page: Page, event: str, where: str, content: bytes, name: str) -> None:
    """Let a file be dropped on the place, or pasted into it."""
    page.evaluate(
        """([kind, where, content, name]) => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), (byte) => byte.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type: "image/png" }));
            const options = { bubbles: true, cancelable: true };
            const made = kind === "paste"
                ? new ClipboardEvent("paste", { ...options, clipboardData: transfer })
                : new DragEvent(kind, { ...options, dataTransfer: transfer });
            document.querySelector(where).dispatchEvent(made);
        }""",
        [event, where, base64.b64encode(content).decode(), name],
    )


def test_a_customer_sends_files_with_the_form(desk: Desk, open_page: OpenPage) -> None:
    page = open_page(viewport=PHONE)
    page.goto("/")
    page.get_by_label("Title").fill("The export stops")
    page.get_by_label("Description").fill("It ends after 200 rows, see the picture.")
    page.get_by_label("Attach files").set_input_files(
        [chosen(picture(), LONG), chosen(REFUSED["exe"], "setup.exe"), chosen(PDF, "bill.pdf"), chosen(b"", "no.txt")]
    )
    expect(rows(page)).to_have_count(4)
    expect(rows(page).nth(1)).to_contain_text("“setup.exe” is of a kind that is not taken.")
    expect(rows(page).nth(3)).to_contain_text("“no.txt” is empty; choose another file.")
    expect(rows(page).nth(0)).to_contain_text("bytes")
    assert has_no_sideways_scroll(page)
    axe(page)

    for name in ("setup.exe", "no.txt", "bill.pdf"):
        page.get_by_role("button", name=f"Remove {name}").click()
    expect(page.get_by_label("Attach files")).to_be_focused()
    hand_over(page, "drop", "#ticket-form", picture(), "dropped.png")
    hand_over(page, "paste", "#description", picture(), "image.png")
    expect(rows(page)).to_have_count(3)
    expect(rows(page).last).to_contain_text("Screenshot 20")
    expect(page.locator(".chosen-file progress:visible")).to_have_count(0)

    page.get_by_role("button", name="Submit ticket").click()
    cards = page.locator(".attachment")
    expect(cards).to_have_count(3)
    expect(cards.first.locator(".file-name")).to_have_attribute("title", LONG)
    with desk.app.app_context():
        run_jobs()
    page.reload()
    expect(page.locator(".attachments.pictures img")).to_have_count(3)
    assert page.locator(".attachments img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert has_no_sideways_scroll(page)
    axe(page)


def test_a_form_that_is_sent_waits_for_its_files(desk: Desk, page: Page) -> None:
    held: list[Route] = []
    page.route("**/uploads", lambda route: held.append(route))
    page.goto("/")
    page.get_by_label("Title").fill("The export stops")
    page.get_by_label("Description").fill("It ends after 200 rows, see the picture.")
    with page.expect_request("**/uploads"):
        page.get_by_label("Attach files").set_input_files(chosen(picture(), "screen.png"))
    expect(page.locator(".chosen-file progress")).to_be_visible()
    page.get_by_role("button", name="Submit ticket").click()
    expect(page.locator("[data-told]")).to_have_text("The form is sent as soon as the files are here.")
    assert page.url == f"{desk.url}/"
    held.pop().continue_()
    expect(page.locator(".attachment")).to_contain_text("screen.png")


def test_what_could_not_be_sent_is_tried_again(desk: Desk, page: Page) -> None:
    page.goto("/")
    page.route("**/uploads", lambda route: route.abort())
    page.get_by_label("Attach files").set_input_files(chosen(picture(), "screen.png"))
    expect(rows(page)).to_contain_text("“screen.png” could not be sent; check your connection and try again.")
    page.unroute("**/uploads")
    page.get_by_role("button", name="Try again").click()
    expect(rows(page)).to_contain_text("bytes")
    expect(page.locator("[name=waiting]")).to_have_count(1)


def test_without_a_script_the_form_sends_its_files(desk: Desk, open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/")
    page.get_by_label("Description").fill("It ends after 200 rows, see the picture.")
    page.get_by_label("Attach files").set_input_files([chosen(PDF, "bill.pdf"), chosen(REFUSED["exe"], "setup.exe")])
    page.get_by_role("button", name="Submit ticket").click()
    expect(page.locator("#files-fault")).to_contain_text("“setup.exe” is of a kind that is not taken.")
    expect(page.get_by_label("bill.pdf")).to_be_checked()
    page.get_by_label("Title").fill("The export stops")
    page.get_by_role("button", name="Submit ticket").click()
    expect(page.locator(".attachment")).to_contain_text("bill.pdf")


def attach(desk: Desk, *files: tuple[bytes, str]) -> int:
    """A ticket whose customer has replied with these files."""
    with desk.app.app_context():
        ticket_id = make_ticket().id
        waiting = attachments.receive([FileStorage(BytesIO(content), name) for content, name in files]).waiting
        claimed: Sequence[Attachment] = attachments.claim(waiting)
        conversation.add_reply(service.locked(ticket_id), "", CUSTOMER, Channel.PORTAL, files=claimed)
        db.session.commit()
        run_jobs()
        return ticket_id


def test_staff_send_files_by_dropping_them(desk: Desk, page: Page) -> None:
    ticket_id = attach(desk, (picture(size=(900, 600)), "screen.png"))
    signed_in(desk, page).goto(f"/staff/tickets/{ticket_id}")
    expect(page.locator(".post .attachments.pictures img")).to_be_visible()
    page.get_by_label("Reply to Ada Lovelace").fill("Try this.")
    hand_over(page, "drop", "#reply-text", PDF, "steps.pdf")
    expect(rows(page)).to_contain_text("bytes")
    axe(page)
    page.get_by_role("button", name="Send to Ada").click()
    expect(toast(page)).to_contain_text("Your reply is sent")
    expect(page.locator("#thread .post").last.locator(".attachment")).to_contain_text("steps.pdf")


HOSTILE = [
    (SVG, "logo.svg", "logo.svg.txt"),
    (HTML, "page.html", "page.html.txt"),
    (XHTML, "page.xhtml", "page.xhtml.txt"),
    (MAIL.replace(b"Hello", HTML), "letter.mht", "letter.mht.eml"),
    (POLYGLOT, "smile.js", "smile.js.gif"),
    (b"%PDF-1.4\n/OpenAction << /S /JavaScript /JS (app.alert(1)) >>", "paper.pdf", "paper.pdf"),
]


def test_whatever_it_is_it_is_saved_and_never_run(desk: Desk, page: Page, tmp_path: Path) -> None:
    ticket_id = attach(desk, *((content, name) for content, name, _ in HOSTILE))
    said: list[str] = []
    asked: list[str] = []

    def heard(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", heard)
    page.on("request", lambda request: asked.append(request.url))
    signed_in(desk, page).goto(f"/staff/tickets/{ticket_id}")
    address = page.url
    for content, _, saved_as in HOSTILE:
        with page.expect_download() as download:
            page.get_by_role("link", name=saved_as).click()
        assert download.value.suggested_filename == saved_as
        download.value.save_as(tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == content
    assert (page.url, said) == (address, [])
    assert [url for url in asked if not url.startswith(desk.url)] == []
