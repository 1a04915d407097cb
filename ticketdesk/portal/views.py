"""The customer's door: the form, the suggestion step and the ticket's own page."""

from flask import Blueprint

blueprint = Blueprint("portal", __name__)
