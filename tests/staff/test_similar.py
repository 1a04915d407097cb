"""The similar tickets on a ticket's page."""

from flask.testing import FlaskClient

from tests.factories import make_ticket


def test_a_ticket_shows_what_reads_like_it_and_why(agent: FlaskClient) -> None:
    ticket = make_ticket("No code arrives", "The SMS never comes.")
    other = make_ticket("<b>SMS</b> with code missing", "Since noon.")
    page = agent.get(f"/staff/tickets/{ticket.id}").text
    assert f'hx-get="/staff/tickets/{ticket.id}/similar"' in page
    assert f'href="/staff/tickets/{ticket.id}/similar"' in page
    found = agent.get(f"/staff/tickets/{ticket.id}/similar").text
    assert f'href="/staff/tickets/{other.id}"' in found
    assert "&lt;b&gt;SMS&lt;/b&gt; with code missing" in found
    assert '<span class="word" dir="auto">SMS</span>' in found
    assert '<span class="word" dir="auto">code</span>' in found


def test_a_ticket_like_no_other_says_so(agent: FlaskClient) -> None:
    assert "No other ticket reads like this one." in agent.get(f"/staff/tickets/{make_ticket().id}/similar").text


def test_what_is_not_there_is_not_found(agent: FlaskClient) -> None:
    for number in ("0", "999999", "9" * 30, "x"):
        assert agent.get(f"/staff/tickets/{number}/similar").status_code == 404
