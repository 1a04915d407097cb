"""Reading a page the way a browser does, and sending its form back."""

from html.parser import HTMLParser

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

MATTER = {
    "title": "Charged twice",
    "description": "I was charged twice for my subscription, please refund.",
    "requester_name": "Ada Lovelace",
    "requester_email": "ada@example.com",
}


class Page(HTMLParser):
    """The parts of an HTML page that tests ask for.

    ``form`` holds what the form's controls would send, ``ids`` the elements' ids
    and ``text`` all that is to be read.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.form: dict[str, str] = {}
        self.ids: set[str] = set()
        self.text = ""
        self._control = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note ids and the values of controls."""
        found = {name: value or "" for name, value in attrs}
        self.ids.add(found.get("id", ""))
        if tag in {"input", "textarea", "select"} and "name" in found:
            self._control = found["name"] if tag != "input" else ""
            self.form[found["name"]] = found.get("value", "")
        elif tag == "option" and self._control and (not self.form[self._control] or "selected" in found):
            self.form[self._control] = found["value"] if "selected" in found else self.form[self._control]

    def handle_endtag(self, tag: str) -> None:
        """Leave a control."""
        if tag in {"textarea", "select"}:
            self._control = ""

    def handle_data(self, data: str) -> None:
        """Gather text, and what stands in a text area."""
        self.text += data
        if self._control == "description":
            # A browser drops the line break that stands first in a text area.
            self.form["description"] += data.removeprefix("\r\n").removeprefix("\n")


def page_of(answer: TestResponse) -> Page:
    """The page that was answered."""
    return Page(answer.get_data(as_text=True))


def filled_form(client: FlaskClient, **typed: str) -> dict[str, str]:
    """A fresh form with ``MATTER`` typed in, and over it what the keywords say."""
    return page_of(client.get("/")).form | MATTER | typed


def link_in(answer: TestResponse) -> str:
    """The secret part of the link that the answer leads to."""
    assert answer.status_code == 303, answer.get_data(as_text=True)
    assert answer.location.startswith("/t/")
    return answer.location.removeprefix("/t/")
