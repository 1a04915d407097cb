"""The staff console."""

from flask import Flask


def install(app: Flask) -> None:
    """Add the console to the app."""
