"""The operator's door: `flask worker`, `flask setup-link`, `flask token …`."""

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from ticketdesk.accounts import service as accounts
from ticketdesk.core.errors import Invalid
from ticketdesk.extensions import db
from ticketdesk.jobs import worker as jobs
from ticketdesk.models import ApiToken, Scope

tokens = AppGroup("token", help="Make and revoke API tokens.")


def install(app: Flask) -> None:
    """Add the commands to the app."""
    app.cli.add_command(tokens)
    app.cli.add_command(worker)
    app.cli.add_command(setup_link)


@click.command()
@with_appcontext
def worker() -> None:
    """Run background jobs until stopped."""
    jobs.run(current_app._get_current_object())  # type: ignore[attr-defined]


@click.command("setup-link")
@with_appcontext
def setup_link() -> None:
    """Show the link under which the first admin is made, while there is none."""
    public_url = current_app.config["PUBLIC_URL"]
    link = accounts.setup_link(public_url)
    if link is None:
        click.echo(f"This desk has been set up; sign in at {public_url}/staff/")
    else:
        click.echo(f"Nobody works here yet. Choose the first admin's e-mail and password at {link}")


@tokens.command("create")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.READ.value,
    help="write includes read.",
)
def create_token(name: str, scope: str) -> None:
    """Make a token called NAME and show it, once."""
    try:
        token, secret = accounts.create_token(name, Scope(scope))
    except Invalid as error:
        raise click.ClickException(error.faults[0].message) from None
    db.session.commit()
    click.echo(secret)
    click.echo(f"Token {token.id} ({token.scope}) for {token.name}. It is not shown again; keep it safe.", err=True)


@tokens.command("list")
def list_tokens() -> None:
    """List the tokens, without their secrets."""
    for token in db.session.query(ApiToken).order_by(ApiToken.id):
        state = "revoked" if token.revoked_at else "valid"
        click.echo(f"{token.id:>5}  {token.scope:<5}  {state:<7}  {token.hint}  {token.name}")


@tokens.command("revoke")
@click.argument("token_id", type=int)
def revoke_token(token_id: int) -> None:
    """Make the token with this id useless at once."""
    token = db.session.get(ApiToken, token_id)
    if token is None:
        raise click.ClickException(f"There is no token {token_id}; `flask token list` shows them.")
    accounts.revoke_token(token)
    db.session.commit()
    click.echo(f"Token {token.id} ({token.name}) is revoked.")
