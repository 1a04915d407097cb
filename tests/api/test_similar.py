"""Similar tickets for programs."""

from flask.testing import FlaskClient

from tests.factories import make_ticket
from ticketdesk.core.vocabulary import Status
from ticketdesk.tickets import alike

TITLE = "SMS-Code für die Größentabelle fehlt"


def test_each_is_a_ticket_with_its_score_and_the_words_of_both(client: FlaskClient, reader: dict[str, str]) -> None:
    ticket = make_ticket(TITLE, "Seit heute.")
    near = make_ticket("sms-code kommt nicht", "Betrifft die Grössentabelle.")
    make_ticket("Invoice for March", "Please send it again.")
    answer = client.get(f"/api/tickets/{ticket.id}/similar/", headers=reader)
    assert answer.status_code == 200
    assert answer.json is not None
    (found,) = answer.json
    shown = client.get(f"/api/tickets/{near.id}/", headers=reader).json
    assert shown is not None
    of_one_alone = {"events", "merged_into"}
    assert {name: found[name] for name in shown if name not in of_one_alone} == {
        name: value for name, value in shown.items() if name not in of_one_alone
    }
    assert 0 < found["score"] <= 1
    assert set(found["shared_words"]) == {"SMS-Code", "SMS", "Code", "Größentabelle"}
    assert found["status"] == Status.OPEN


def test_there_are_at_most_five_and_never_the_ticket_itself(client: FlaskClient, reader: dict[str, str]) -> None:
    tickets = [make_ticket(TITLE, f"Zum {number}. Mal.") for number in range(alike.SHOWN + 2)]
    answer = client.get(f"/api/tickets/{tickets[0].id}/similar/", headers=reader).json
    assert answer is not None
    assert len(answer) == alike.SHOWN
    assert tickets[0].id not in [each["id"] for each in answer]


def test_a_ticket_that_is_alone_has_none(client: FlaskClient, reader: dict[str, str]) -> None:
    assert client.get(f"/api/tickets/{make_ticket().id}/similar/", headers=reader).json == []


def test_what_is_not_there_is_not_found(client: FlaskClient, reader: dict[str, str]) -> None:
    for number in ("0", "999999", "9" * 30):
        assert client.get(f"/api/tickets/{number}/similar/", headers=reader).status_code == 404


def test_nobody_sees_a_ticket_through_another(client: FlaskClient) -> None:
    ticket, other = make_ticket(TITLE, "Mine."), make_ticket(f"{TITLE} too", "Somebody else's.")
    assert client.get(f"/api/tickets/{ticket.id}/similar/").status_code == 401
    assert client.get(f"/api/tickets/{ticket.id}/similar/", headers={"Authorization": "Bearer x"}).status_code == 401
    page = client.get(f"/t/{ticket.link_id.hex}").text
    assert other.title not in page
    assert other.reference not in page
