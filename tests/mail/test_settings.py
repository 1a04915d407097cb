"""The settings of mail."""

import pytest

import config
from config import ConfigError, MailServer

BASE = {"SECRET_KEY": "s" * config.SECRET_KEY_MIN, "DATABASE_URL": "postgresql://desk@db/desk"}
SENDER = {"MAIL_FROM": "support@example.com"}


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://desk:p%40ss@mail.test:2525?starttls", MailServer("mail.test", 2525, "starttls", "desk", "p@ss")),
        ("smtp://mail.test?starttls", MailServer("mail.test", 587, "starttls")),
        ("smtps://desk:x@mail.test", MailServer("mail.test", 465, "tls", "desk", "x")),
        ("smtp://[::1]/", MailServer("::1", 25, "none")),
    ],
)
def test_a_mail_server(url: str, server: MailServer) -> None:
    assert config.load(BASE | SENDER | {"MAIL_URL": url}, env_file=None).mail_server == server


@pytest.mark.parametrize(
    "url",
    [
        *("mail.test", "http://mail.test", "smtp://", "smtp://mail.test:0", "smtp://mail.test:99999", "smtp://[mail"),
        *("smtp://mail.test/inbox", "smtp://mail.test?tls", "smtps://mail.test?starttls"),
    ],
)
def test_what_is_no_mail_server_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="MAIL_URL must look like") as raised:
        config.load(BASE | SENDER | {"MAIL_URL": url.replace("://", "://desk:hunter2@")}, env_file=None)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"MAIL_URL": "smtps://mail.test"}, "MAIL_FROM is not"),
        ({"MAIL_FROM": "support"}, "MAIL_FROM is 'support'"),
        ({"MAIL_FROM": "a@b.test\nBcc: eve@evil.test"}, "MAIL_FROM is"),
        ({"MAIL_FROM": "Desk <a@b.test>"}, "MAIL_FROM is"),
        ({"MAIL_REPLY_ADDRESS": "desk+all@b.test"}, "no plus"),
        ({"MAIL_REPLY_ADDRESS": f"{'d' * 25}@b.test"}, "at most 24 characters"),
        ({"MAIL_LANGUAGE": "fr"}, "MAIL_LANGUAGE is 'fr'"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(given: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config.load(BASE | given, env_file=None)
