"""The operator's door: `flask worker`, `setup-link`, `demo`, `doctor`, and `token`, `counters`, `search`, `staff`."""

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom

import click
from flask import Flask, current_app
from sqlalchemy import func, select

from ticketdesk import doctor
from ticketdesk.accounts import service as accounts
from ticketdesk.commands import Commands
from ticketdesk.core import clock
from ticketdesk.core.vocabulary import Status
from ticketdesk.demo import replies, writing
from ticketdesk.demo.hours import DAYS
from ticketdesk.doctor import Level
from ticketdesk.extensions import db
from ticketdesk.jobs import worker as jobs
from ticketdesk.models import ApiToken, Scope, Staff
from ticketdesk.models.columns import BIGINT_MAX
from ticketdesk.search import vocabulary
from ticketdesk.tickets import counters

DEMO_USUAL, DEMO_MAX = 200, 10_000_000

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


commands = Commands()
tokens = Commands("token", help="Make and revoke API tokens.")
counts = Commands("counters", help="Look after the counters behind the dashboard and the API's statistics.")
searching = Commands("search", help="Look after the words that the search knows.")
staff = Commands("staff", help="Look after staff accounts when nobody can do it in the console.")


def install(app: Flask) -> None:
    """Add the commands to the app."""
    for command in (*commands.commands.values(), tokens, counts, searching, staff):
        app.cli.add_command(command)


@commands.command()
@click.option("--quiet", is_flag=True, help="Log warnings and errors alone.")
def worker(quiet: bool) -> None:
    """Run background jobs until stopped."""
    if quiet:
        logging.getLogger().setLevel(logging.WARNING)
    current_app.config["DATABASE_TIMEOUTS"] = jobs.TIMEOUTS
    # A worker that has run waits for its database; one that is just started says at once that there is none.
    db.session.connection()
    db.session.remove()
    current_app.extensions["suggester"].warm()
    jobs.run(current_app._get_current_object())  # type: ignore[attr-defined]


@counts.command("check")
def check_counters() -> None:
    """Compare the counters with a full count; exits with status 1 where they differ."""
    if differences := counters.wrong():
        raise click.ClickException(f"{differences:,} counters are wrong; put them right with `flask counters rebuild`.")
    click.echo("Every counter agrees with a full count.")


@counts.command("rebuild")
def rebuild_counters() -> None:
    """Count all tickets anew; writers wait meanwhile, about half a second at a million tickets."""
    counters.rebuild()
    db.session.commit()
    click.echo("The counters are counted anew.")


@searching.command("rebuild")
def rebuild_search() -> None:
    """Read the words of all tickets and replies anew, after a change of SEARCH_LANGUAGE; nobody has to wait."""
    language = current_app.config["SEARCH_LANGUAGE"]
    with click.progressbar(length=vocabulary.last_ids(), label="Reading words") as bar:
        for passed in vocabulary.rebuild(language):
            db.session.commit()
            bar.update(passed)
    click.echo(f"The words are read for SEARCH_LANGUAGE={language}.")


@commands.command("setup-link")
def setup_link() -> None:
    """Show the link under which the first admin is made, while there is none."""
    public_url = current_app.config["PUBLIC_URL"]
    link = accounts.setup_link(public_url)
    if link is None:
        click.echo(f"This desk has been set up; sign in at {public_url}/staff/")
    else:
        click.echo(f"Nobody works here yet. Choose the first admin's e-mail and password at {link}")


@commands.command("demo")
@click.argument("number", metavar="[N]", type=click.IntRange(1, DEMO_MAX), required=False)
@click.option("--tickets", metavar="N", type=click.IntRange(1, DEMO_MAX), help="The same as N.")
@click.option("--seed", type=int, help="The same number makes the same tickets again.")
@click.option("--yes", is_flag=True, help="Add them to a desk that real customers use.")
def make_demo(number: int | None, tickets: int | None, seed: int | None, yes: bool) -> None:
    """Fill the desk with N (200) made-up tickets of the last 90 days.

    They have conversations, tags and ratings, and are assigned to the staff that there are; of very many
    tickets, some 5,000 do. A desk without canned replies gets some.
    """
    if number is not None and tickets is not None:
        raise click.UsageError("N is given twice; leave out one of them.")
    tickets = number or tickets or DEMO_USUAL
    real = writing.count_real_tickets()
    if real and not yes:
        raise click.ClickException(
            f"This desk has real tickets ({real:,}), and demo tickets cannot be taken out again;"
            " add --yes if you want them all the same."
        )
    if seed is None:
        seed = SystemRandom().randrange(2**32)
    made: Counter[Status] = Counter()
    with click.progressbar(length=tickets, label="Making tickets") as bar:
        for batch in writing.fill(tickets, seed=seed, now=clock.now()):
            made += batch
            bar.update(batch.total())
    replies.share()
    db.session.commit()
    shares = ", ".join(f"{made[status]:,} {status.replace('_', ' ')}" for status in Status)
    noun = "ticket" if tickets == 1 else "tickets"
    click.echo(f"Made {tickets:,} demo {noun} over {DAYS} days: {shares}.")
    click.echo(f"See them at {current_app.config['PUBLIC_URL']}/staff/")
    if not accounts.any_staff():
        click.echo("Nobody can sign in there yet; `flask setup-link` shows the link to make the first admin.")


@commands.command("doctor")
@click.option(
    "--ask", is_flag=True, help="Try the AI engine, which may cost a call to its provider, and the mail server."
)
@click.pass_context
def see_doctor(ctx: click.Context, ask: bool) -> None:
    """Say in plain lines what is fine and what is wrong."""
    levels: Counter[Level] = Counter()
    with _silent_log():
        for finding in doctor.examine(current_app.config["SETTINGS"], current_app.extensions["suggester"], ask=ask):
            level = click.style(f"{finding.level:<4}", fg=_COLOURS[finding.level])
            click.echo(f"{level}  {finding.topic:<8}  {finding.sentence}")
            levels[finding.level] += 1
    if levels[Level.FAIL]:
        ctx.exit(1)


@contextmanager
def _silent_log() -> Iterator[None]:
    """Keep the log quiet where what goes wrong is told to the operator anyway."""
    log = logging.getLogger("ticketdesk")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


@tokens.command("create")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.READ.value,
    show_default=True,
    help="write includes read.",
)
def create_token(name: str, scope: str) -> None:
    """Make a token called NAME and show it, once."""
    token, secret = accounts.create_token(name, Scope(scope))
    db.session.commit()
    click.echo(secret)
    click.echo(f"Token {token.id} ({token.scope}) for {token.name}. It is not shown again; keep it safe.", err=True)


@tokens.command("list")
def list_tokens() -> None:
    """List the tokens, without their secrets."""
    found = db.session.scalars(select(ApiToken).order_by(ApiToken.id)).all()
    if not found:
        click.echo("There are no tokens; `flask token create NAME` makes one.", err=True)
    for token in found:
        state = "revoked" if token.revoked_at else "valid"
        click.echo(f"{token.id:>5}  {token.scope:<5}  {state:<7}  {token.hint}  {token.name}")


@tokens.command("revoke")
@click.argument("token_id", type=click.IntRange(1, BIGINT_MAX))
def revoke_token(token_id: int) -> None:
    """Make the token with this id useless at once."""
    token = db.session.get(ApiToken, token_id)
    if token is None:
        raise click.ClickException(f"There is no token {token_id}; `flask token list` shows them.")
    accounts.revoke_token(token)
    db.session.commit()
    click.echo(f"Token {token.id} ({token.name}) is revoked.")


@staff.command("list")
def list_staff() -> None:
    """List the staff accounts."""
    found = db.session.scalars(select(Staff).order_by(Staff.id)).all()
    if not found:
        click.echo("There are no staff accounts; `flask setup-link` shows where the first is made.", err=True)
    width = max((len(person.email) for person in found), default=0)
    for person in found:
        state = "active" if person.active else "off"
        seen = f"last signed in {person.signed_in_at:%Y-%m-%d}" if person.signed_in_at else "never signed in"
        click.echo(f"{person.email:<{width}}  {person.role:<5}  {state:<6}  {seen:<25}  {person.name}")


@staff.command("reset-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
def reset_password(email: str, password_stdin: bool) -> None:
    """Give the account with this address a new password, and sign it out everywhere."""
    person = db.session.scalar(select(Staff).where(func.lower(Staff.email) == email.strip().lower()))
    if person is None:
        raise click.ClickException(f"There is no account with the address {email!r}; `flask staff list` shows them.")
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("New password", hide_input=True, confirmation_prompt=True)
    accounts.change_password(person, password)
    db.session.commit()
    click.echo(f"{person.name} can sign in with the new password and is signed out everywhere else.")
    if not person.active:
        click.echo("The account is switched off; an admin has to switch it on in the console first.", err=True)
