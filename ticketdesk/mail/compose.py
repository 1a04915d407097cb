"""From a folder of templates to a mail, and from the mail to what goes over the wire."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from flask import current_app

from config import Settings
from ticketdesk.mail.addresses import display_name, header_text, on_the_wire
from ticketdesk.mail.smtp import Parcel
from ticketdesk.models import OutgoingMail

# Templates leave empty lines where their own statements stand.
_GAP = re.compile(r"\n{3,}")
# 7-bit, because not every server on the way takes more.
_POLICY = SMTP.clone(cte_type="7bit")


def write(mail: OutgoingMail, **shown: Any) -> None:
    """Write the subject and both bodies from the templates of the mail's kind, in the desk's language."""
    settings: Settings = current_app.config["SETTINGS"]
    folder = f"email/{settings.mail_language}/{mail.kind}"
    shown |= {
        "desk_name": settings.desk_name,
        "language": settings.mail_language,
        "public_url": settings.public_url,
    }

    def rendered(file: str) -> str:
        # Not Flask's render_template, which would ask the doors for what their pages show.
        return current_app.jinja_env.get_template(f"{folder}/{file}").render(shown).strip()

    mail.subject = header_text(rendered("subject.txt"))
    mail.text = _GAP.sub("\n\n", rendered("body.txt")) + "\n"
    mail.html = rendered("body.html") + "\n"


def parcel(mail: OutgoingMail, settings: Settings) -> Parcel:
    """The mail as it goes over the wire.

    Raises:
        ValueError: it cannot be one, such as a mail to no address.
    """
    recipient = on_the_wire(mail.recipient)
    message = EmailMessage(policy=_POLICY if recipient.isascii() else _POLICY.clone(utf8=True))
    message["From"] = Address(display_name(settings.desk_name), addr_spec=settings.mail_from)
    message["To"] = Address(display_name(mail.recipient_name), addr_spec=recipient)
    message["Subject"] = header_text(mail.subject)
    message["Date"] = mail.created_at
    for name, value in mail.headers.items():
        message[name] = value
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return Parcel(settings.mail_from, recipient, message.as_bytes())
