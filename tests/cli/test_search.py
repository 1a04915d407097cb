"""`flask search rebuild`, and what the doctor says of the search."""

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.cli.conftest import Run
from tests.factories import make_ticket
from ticketdesk.extensions import db
from ticketdesk.search import vocabulary


def test_the_words_are_read_anew_for_the_language(app: Flask, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    make_ticket("Invoices", "Where are they?")
    vocabulary.learn_regularly(timestamp=0)
    assert "ok    search    Words are found as they are written" in run("doctor").output
    monkeypatch.setitem(app.config, "SEARCH_LANGUAGE", "english")
    result = run("search", "rebuild")
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "The words are read for SEARCH_LANGUAGE=english."
    stems = db.session.execute(sa.text("SELECT word, texts, stem FROM search_word ORDER BY word")).all()
    assert [tuple(row) for row in stems] == [("are", 1, None), ("invoices", 1, "invoic"), ("they", 1, None), *stems[3:]]
    # The settings still say simple, so the doctor sees that they differ.
    assert "warn  search    SEARCH_LANGUAGE is simple, but the words of the desk were read for english" in (
        run("doctor").output
    )
