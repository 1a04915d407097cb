"""What all of the operator's commands share: trouble is told in one sentence, and ends with status 1."""

from typing import Any

import click
import psycopg
from flask.cli import AppGroup
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import ProgrammingError

from ticketdesk import doctor
from ticketdesk.core.errors import DomainError


class Command(click.Command):
    """A command that tells what went wrong in one sentence, and then exits with status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except DomainError as error:
            raise click.ClickException(error.sentences) from None
        except (*doctor.UNREACHABLE, psycopg.OperationalError, ConnectorException) as error:
            raise click.ClickException(f"The database cannot be used: {doctor.why(error)}.") from None
        except ProgrammingError as error:
            if not isinstance(error.orig, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
                raise
            raise click.ClickException(
                "The database is not at this version's schema; run `flask db upgrade` first."
            ) from None


class Commands(AppGroup):
    """A group of such commands."""

    command_class = Command
