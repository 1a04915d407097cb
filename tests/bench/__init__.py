"""`./run bench`: how fast the desk is, at a thousand tickets and at a million. Never part of the tests."""
