"""How the operator of containers, who sees no start-up message, comes to the first admin."""

from flask import Flask
from flask.testing import FlaskClient

from tests.factories import make_staff


def test_the_link_opens_the_set_up_while_nobody_works_here(app: Flask, client: FlaskClient) -> None:
    said = app.test_cli_runner().invoke(args=["setup-link"]).output
    link = said.split()[-1]

    assert link.startswith("http://desk.test/staff/set-up/")
    assert client.get(link.removeprefix("http://desk.test")).status_code == 200


def test_afterwards_it_says_where_to_sign_in(app: Flask) -> None:
    make_staff()

    said = app.test_cli_runner().invoke(args=["setup-link"]).output
    assert said == "This desk has been set up; sign in at http://desk.test/staff/\n"
