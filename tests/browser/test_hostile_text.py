"""Text that wants to be a script, in every field that takes text, on every page that shows it.

Nothing of it may run, be fetched, or break the content security policy, which
would say that it got as far as being markup.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from flask import url_for
from playwright.sync_api import Dialog, Page, Request
from werkzeug.datastructures import FileStorage

from tests.attachments.samples import picture
from tests.browser.conftest import Desk, OpenPage, StartDesk
from tests.browser.test_console import sign_in
from tests.factories import make_staff
from tests.jobs.drain import run_jobs
from ticketdesk.accounts import customers
from ticketdesk.accounts import service as accounts
from ticketdesk.attachments import service as attachments
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.core.vocabulary import Rating, Status
from ticketdesk.extensions import Base, db
from ticketdesk.mail import subscriptions
from ticketdesk.models import (
    AiSuggestion,
    Attachment,
    CannedReply,
    Channel,
    MessageKind,
    OutgoingMail,
    Role,
    Scope,
    Ticket,
)
from ticketdesk.tickets import canned, conversation, drafts, merging, rating, saved_views, service, trash
from ticketdesk.tickets.canned import NewCannedReply
from ticketdesk.tickets.filter import Filter
from ticketdesk.tickets.rules import _NOT_IN_TAGS, tidy_tag
from ticketdesk.tickets.service import Changes, NewTicket

HOSTILE = (Path(__file__).parent / "hostile.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
ALL = "\n\n".join(HOSTILE)
ADDRESS = "alert'`{}|@example.com"
# A canned reply with a variable that does not exist is refused.
CANNED = "\n\n".join(text for text in HOSTILE if "{{" not in text)

# Columns of text in which only the desk chooses the words, or lets nothing in but letters and digits.
HARMLESS = {
    "ai_engine_state.model",
    "ai_earlier_answer.answer",
    "ai_suggestion.guesses",
    "attachment.media_type",
    "canned_reply.shortcut",
    "idempotency_key.answer",
    "incident.search",
    "incident.words",
    "message.message_id",
    "outgoing_mail.headers",
    "rate_limit.key",
    "staff.password_hash",
}

# What the desk's addresses carry.
ASKED = (
    *("after", "assignee", "before", "by", "category", "cursor", "from", "id", "into", "next", "page", "priority"),
    *("rating", "requester", "search", "show", "sort", "state", "status", "tag", "view"),
)

# A browser shows these answers as text or saves them.
NO_PAGES = ("static", "health.", "api.", "portal.files.", "ticket.file", "ticket.thumbnail")


@pytest.fixture
def desk(start_desk: StartDesk) -> Desk:
    """A desk full of hostile text, and even named so."""
    desk = start_desk(DESK_NAME='Acme"><img src=x onerror=alert(1)>', MAIL_STATUS_CHANGES="on")
    with desk.app.app_context():
        _sow()
        run_jobs()
        _let_services_lie()
    return desk


def _sow() -> None:
    """Put hostile text into every field through the verbs that the doors call."""
    admin = make_staff(Role.ADMIN, name=HOSTILE[0], email=ADDRESS)
    agent = Actor(ActorKind.STAFF, admin.id, admin.name)
    for number, text in enumerate(HOSTILE):
        ticket = service.create_ticket(
            NewTicket(text[:200], ALL, text[:200], f"alert{number}'`{{}}|@example.com"), CUSTOMER
        )
        customer = Actor(ActorKind.CUSTOMER, None, text[:200])
        conversation.add_reply(ticket, text, customer, Channel.PORTAL, files=_files(text, ALL.encode()))
        conversation.add_note(ticket, ALL, agent, Channel.STAFF)
        conversation.add_reply(ticket, ALL, agent, Channel.STAFF)
        service.change(ticket, Changes(title=text[-200:], assignee=admin, tags=[_tag(text)]), agent)
        for kind in MessageKind:
            drafts.save_draft(admin, ticket, kind, ALL)
        macro = NewCannedReply(text[:120], CANNED, tags=[_tag(text)])
        canned.create_canned_reply(macro, admin, shared=True)
        accounts.create_token(text[:200], Scope.READ, admin)
    conversation.add_note(ticket, "", agent, Channel.STAFF, files=_files(HOSTILE[1], picture()))
    for text in HOSTILE[:8]:
        saved_views.save_view(text[:80], Filter(search=text), admin, shared=True)
    first, second, third, *_ = db.session.scalars(sa.select(Ticket).order_by(Ticket.id))
    second.requester_email = third.requester_email = first.requester_email
    db.session.flush()
    service.change_many([ticket.id], Changes(status=Status.CLOSED, tags=[]), agent)
    rating.rate(ticket, Rating.BAD, customer, ALL[:1000])
    merging.merge(first.id, [second.id], agent)
    trash.trash([third.id], agent)
    customers.make_link_key(ADDRESS)
    subscriptions.unsubscribe(ADDRESS)
    db.session.commit()


def _files(name: str, content: bytes) -> Sequence[Attachment]:
    return attachments.claim(attachments.receive([FileStorage(BytesIO(content), name)]).waiting)


def _let_services_lie() -> None:
    """Put hostile text where the words of a mail server and of an AI provider are kept."""
    for column in (OutgoingMail.last_error, OutgoingMail.mailbox, AiSuggestion.model):
        db.session.execute(sa.update(column.class_).values({column: HOSTILE[2]}))
    db.session.execute(sa.update(AiSuggestion).values(words=HOSTILE))
    db.session.commit()


def _tag(text: str) -> str:
    """As much of the text as a tag may hold."""
    return "".join(mark for mark in tidy_tag(text) if mark not in _NOT_IN_TAGS and mark.isprintable())[:40]


def _bare_columns() -> set[str]:
    """The columns of text that nothing was sown in."""
    columns = [column for table in Base.metadata.sorted_tables for column in table.columns]
    return {str(column) for column in columns if _is_free_text(column) and not _holds_hostile_text(column)}


def _is_free_text(column: sa.Column[Any]) -> bool:
    match column.type:
        case sa.ARRAY(item_type=sa.String()) | sa.JSON():
            return True
        case sa.String(length=length):
            # Words of a vocabulary are shorter, and this is the length of a hash.
            return length is None or (length > 32 and length != 64)
    return False


def _holds_hostile_text(column: sa.Column[Any]) -> bool:
    found = sa.select(sa.literal(1)).where(sa.cast(column, sa.Text).contains("alert")).limit(1)
    return db.session.scalar(found) is not None


def test_no_page_lets_it_be_more_than_text(desk: Desk, open_page: OpenPage) -> None:
    with desk.app.app_context():
        # A column that is new here wants a hostile text, or a place among those that the desk alone writes.
        assert _bare_columns() - HARMLESS == set()
    page = open_page()
    sign_in(desk, page)
    seen = _Seen(page, desk.url)
    for path in _paths(desk):
        page.goto(path)
        assert seen.nothing, f"{path}: {seen}"


class _Seen:
    """What a page did that text cannot do."""

    def __init__(self, page: Page, url: str) -> None:
        self._seen: list[str] = []
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._request(request, url))

    @property
    def nothing(self) -> bool:
        return not self._seen

    def __str__(self) -> str:
        return "; ".join(self._seen)

    def _dialog(self, dialog: Dialog) -> None:
        self._seen.append(f"a script ran and said {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request, url: str) -> None:
        if not request.url.startswith((url, "data:")):
            self._seen.append(f"{request.url} was asked for")


def _paths(desk: Desk) -> Iterator[str]:
    """Every page of the desk, as it is and with hostile text for whatever its address may carry."""
    with desk.app.test_request_context():
        ticket = db.session.scalars(sa.select(Ticket).order_by(Ticket.id.desc()).limit(1)).one()
        samples: dict[str, Any] = {
            "ticket_id": ticket.id,
            "link": ticket.link_id.hex,
            "mail_id": db.session.scalars(sa.select(OutgoingMail.id).limit(1)).one(),
            "canned_id": db.session.scalars(sa.select(CannedReply.id).limit(1)).one(),
            "key": customers.make_link_key(ADDRESS),
        }
        yield subscriptions.unsubscribe_url(ADDRESS)
        yield url_for("api.docs")
        yield url_for("queue.index", search=HOSTILE[0])
        trashed = sa.select(Ticket.id).where(Ticket.gone_at.is_not(None), Ticket.merged_into_id.is_(None))
        yield url_for("trash.show", ticket_id=db.session.scalars(trashed).one())
        for rule in sorted(desk.app.url_map.iter_rules(), key=str):
            if "GET" in (rule.methods or ()) and not rule.endpoint.startswith(NO_PAGES):
                path = url_for(rule.endpoint, **{name: samples[name] for name in rule.arguments})
                yield path
                yield f"{path}?{urlencode(dict.fromkeys(ASKED, HOSTILE[1]))}"
