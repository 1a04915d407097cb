"""Turning optional mails off and on again, by a link that is in each of them.

What is sent here comes from people and, for their button, from mail programs
(RFC 8058), which have no session: the signed link is what allows it.
"""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from ticketdesk.extensions import csrf, db
from ticketdesk.mail import subscriptions

blueprint = Blueprint("subscription", __name__)


@blueprint.get("/unsubscribe/<key>")
def show(key: str) -> ResponseReturnValue:
    """Say how it stands, with a button to change it; reading changes nothing."""
    return _page(subscriptions.address_of(key), changed=False)


@blueprint.post("/unsubscribe/<key>")
@csrf.exempt  # type: ignore[untyped-decorator]
def change(key: str) -> ResponseReturnValue:
    """Turn them off, or on again if the button says so; a mail program wants no redirect as an answer."""
    address = subscriptions.address_of(key)
    if request.form.get("mails") == "on":
        subscriptions.subscribe(address)
    else:
        subscriptions.unsubscribe(address)
    db.session.commit()
    return _page(address, changed=True)


def _page(address: str, *, changed: bool) -> str:
    off = subscriptions.is_unsubscribed(address)
    return render_template("portal/subscription.html", address=address, off=off, changed=changed)
