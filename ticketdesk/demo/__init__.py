"""Believable tickets for a desk that is being tried out."""
