"""Static files: addresses that change with them, and what browsers are told about keeping them."""

from pathlib import Path

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from ticketdesk import statics

FOR_EVER = "public, max-age=31536000, immutable"


def app_over(folder: Path) -> Flask:
    app = Flask(__name__, static_folder=str(folder), static_url_path="/static")
    statics.install(app)
    return app


def address(app: Flask, filename: str) -> str:
    with app.test_request_context():
        return url_for("static", filename=filename)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "css").mkdir()
    (tmp_path / "css" / "base.css").write_text("a { color: red }")
    (tmp_path / "icon.svg").write_text("<svg/>")
    return tmp_path


def test_a_file_under_its_version_is_kept_for_ever(folder: Path) -> None:
    app = app_over(folder)
    response = app.test_client().get(address(app, "css/base.css"), buffered=True)

    assert response.text == "a { color: red }"
    assert response.headers["Cache-Control"] == FOR_EVER


def test_what_a_stylesheet_refers_to_relatively_is_under_the_version_too(folder: Path) -> None:
    app = app_over(folder)
    beside = address(app, "css/base.css").rpartition("/css/")[0] + "/icon.svg"

    assert beside == address(app, "icon.svg")


@pytest.mark.parametrize("path", ["/static/css/base.css", "/static/v0123456789ab/css/base.css"])
def test_other_addresses_of_a_file_are_asked_for_again_each_time(folder: Path, path: str) -> None:
    response = app_over(folder).test_client().get(path, buffered=True)

    assert response.text == "a { color: red }"
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/static/", "/static/nothing", "/static/v0123456789ab/", "/static/v0123456789ab/../x"]
)
def test_there_is_nothing_else(folder: Path, path: str) -> None:
    assert app_over(folder).test_client().get(path).status_code == 404


def test_the_address_changes_with_a_file_its_name_and_nothing_else(folder: Path) -> None:
    before = address(app_over(folder), "icon.svg")
    assert address(app_over(folder), "icon.svg") == before

    (folder / "css" / "base.css").write_text("a { color: tan }")
    changed = address(app_over(folder), "icon.svg")
    (folder / "css" / "base.css").rename(folder / "css" / "core.css")
    renamed = address(app_over(folder), "icon.svg")

    assert len({before, changed, renamed}) == 3


def test_the_desk_keeps_its_own_files_so(client: FlaskClient) -> None:
    with client.application.test_request_context():
        path = url_for("static", filename="css/base.css")
    response = client.get(path, buffered=True)

    assert response.headers["Cache-Control"] == FOR_EVER
    assert response.headers["X-Content-Type-Options"] == "nosniff"
