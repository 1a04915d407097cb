"""Talking on a ticket's page as a browser does."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.portal.pages import page_of
from tests.staff.conftest import Send
from ticketdesk.core.actors import CUSTOMER, Actor, ActorKind
from ticketdesk.extensions import db
from ticketdesk.models import Channel, Message, Ticket
from ticketdesk.tickets import conversation, service

LINUS = Actor(ActorKind.STAFF, 7, "Linus Torvalds")


def said(ticket: Ticket) -> list[tuple[str, str]]:
    return [
        (message.kind, message.body)
        for message in db.session.scalars(select(Message).where(Message.ticket_id == ticket.id).order_by(Message.id))
    ]


def reply(ticket: Ticket, body: str, actor: Actor = LINUS) -> Message:
    channel = Channel.PORTAL if actor is CUSTOMER else Channel.STAFF
    message = conversation.add_reply(service.locked(ticket.id), body, actor, channel)
    db.session.commit()
    return message


def box(client: FlaskClient, ticket: Ticket) -> dict[str, str]:
    """What the box for writing would send if nothing was typed."""
    form = page_of(client.get(f"/staff/tickets/{ticket.id}")).form
    return {name: form[name] for name in ("nonce", "seen")}


def write(send: Send, client: FlaskClient, ticket: Ticket, **typed: Any) -> TestResponse:
    return send(client, f"/staff/tickets/{ticket.id}/messages", **{"kind": "reply"} | box(client, ticket) | typed)
