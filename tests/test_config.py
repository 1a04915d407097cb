"""The settings as such; those of mail, engines, databases and files of secrets are tested where what uses them is."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config import SECRET_KEY_MIN, ConfigError, load

MAKE_ONE = "make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"AI_REDACT": "Perhaps"}, "AI_REDACT is 'perhaps', but must be on or off."),
        ({"LOG_FORMAT": "XML"}, "LOG_FORMAT is 'XML', but must be one of: json, console."),
        ({"WEB_THREADS": "0"}, "WEB_THREADS is '0', but must be a whole number from 1 to 256."),
        ({"WEB_THREADS": "²"}, "WEB_THREADS is '²', but must be a whole number from 1 to 256."),
        ({"ATTACHMENT_SIZE": "1.5"}, "ATTACHMENT_SIZE is '1.5', but must be a whole number from 1 to 1024."),
        ({"AI_TIMEOUT": "nan"}, "AI_TIMEOUT is 'nan', but must be a number from 0.1 to 60."),
        (
            {"PUBLIC_URL": "https://a.b/?c"},
            "PUBLIC_URL is 'https://a.b/?c', but must look like https://support.example.com.",
        ),
        (
            {"ATTACHMENT_SIZE": "20", "ATTACHMENT_TOTAL": "19"},
            "ATTACHMENT_TOTAL is less than ATTACHMENT_SIZE; all files need as much room as one.",
        ),
        (
            {"S3_BUCKET": "desk", "S3_ACCESS_KEY_ID": "an id"},
            "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together; set both, or neither.",
        ),
        ({"SECRET_KEY": "short"}, f"SECRET_KEY has 5 characters, but needs at least {SECRET_KEY_MIN}; {MAKE_ONE}"),
        ({"DATABASE_URL": "postgresql://db/desk"}, f"SECRET_KEY is required when DATABASE_URL is set; {MAKE_ONE}"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(tmp_path: Path, given: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({"TICKETDESK_DATA": str(tmp_path)} | given, env_file=None)
    assert str(refused.value) == sentence


def test_what_is_left_empty_counts_as_not_given(tmp_path: Path) -> None:
    given = {"TICKETDESK_DATA": str(tmp_path), "PORT": " ", "S3_BUCKET": "", "SECRET_KEY_FILE": "", "PUBLIC_URL": ""}
    settings = load(given | {"WEB_THREADS": "3"}, env_file=None)
    assert (settings.port, settings.public_url, settings.s3) == (8000, "http://127.0.0.1:8000", None)
    assert settings.database_pool == 3


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000"), ("desk.test", "http://desk.test:8000")],
)
def test_without_an_address_customers_come_to_where_the_desk_listens(tmp_path: Path, host: str, url: str) -> None:
    assert load({"TICKETDESK_DATA": str(tmp_path), "HOST": host}, env_file=None).public_url == url


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"TICKETDESK_DATA={tmp_path}\nDESK_NAME='Filed $HOME'\nWEB_WORKERS=3\nPORT\n")
    settings = load({"WEB_WORKERS": "4"}, env_file=file)
    assert (settings.desk_name, settings.web_workers, settings.port) == ("Filed $HOME", 4, 8000)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=rf"{file} cannot be read \(.*; make it a readable UTF-8 text file\."):
        load({}, env_file=file)


def test_no_secret_is_shown_with_the_settings() -> None:
    word = "hunter2-" * 4
    named = dict.fromkeys(("SECRET_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY", "S3_SECRET_ACCESS_KEY"), word)
    database = f"postgresql://desk:{word}@db/desk"
    mail = {"MAIL_URL": f"smtps://desk:{word}@mail.test", "MAIL_FROM": "support@example.com"}
    bucket = {"S3_BUCKET": "desk", "S3_ACCESS_KEY_ID": "an id"}
    databases = {"DATABASE_URL": database, "DATABASE_READ_URL": database}
    assert "hunter2" not in repr(load(named | databases | mail | bucket, env_file=None))


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    data = tmp_path / "var"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load({"TICKETDESK_DATA": str(data)}, env_file=None).secret_key, range(8)))
    assert [(data / "secret_key").read_text()] == list(keys)
    assert [path.name for path in data.iterdir()] == ["secret_key"]
    assert (data / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_kept_key_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")
    with pytest.raises(ConfigError, match=f"{tmp_path}/secret_key does not hold a secret key; delete the file"):
        load({"TICKETDESK_DATA": str(tmp_path)}, env_file=None)
