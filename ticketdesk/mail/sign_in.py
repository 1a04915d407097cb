"""The mail by which customers find their tickets again."""

from ticketdesk.jobs.queue import task
from ticketdesk.mail import letters
from ticketdesk.tickets.own import newest_of


@task("mail.sign_in")
def send_link(address: str) -> None:
    """Mail a link to the list of an address's tickets, if there are any.

    Whether there are is found out here and not while somebody waits who typed the
    address, because how long that takes would tell them.
    """
    ticket = newest_of(address)
    if ticket is not None:
        letters.sign_in(ticket)
