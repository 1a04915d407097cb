"""The settings, read once from the environment and `.env`.

Each setting stands once, in ``Settings``: its type, its name outside, its default,
its bounds and its meaning. ``load()`` returns a frozen ``Settings`` or raises
``ConfigError`` with one sentence that names the setting, what is wrong with it and
what to do. No secret has a default: in the embedded mode (no ``DATABASE_URL``) a
secret key is made on first start and kept in the data folder; otherwise
``SECRET_KEY`` is required. What is secret may stand in a file instead:
``SECRET_KEY_FILE`` names the file that holds ``SECRET_KEY``.
"""

import contextlib
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, TypeVar, cast
from urllib.parse import unquote, urlsplit

import psycopg
from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

ROOT = Path(__file__).resolve().parent

AiEngine = Literal["auto", "gemini", "openai", "local"]
MailLanguage = Literal["en", "de"]
MailSecurity = Literal["none", "starttls", "tls"]
SECRET_KEY_MIN = 32
MEGABYTE = 1024 * 1024
AI_THRESHOLD = 0.75
"""The sureness below which an engine abstains, where the operator chooses none."""

NO_SENDER = "support@desk.invalid"
"""The sender of mails that are kept and not sent."""
REPLY_LOCAL_MAX = 24
"""The characters before the @ of ``MAIL_REPLY_ADDRESS``; 64 are allowed in all, and the signed part takes the rest."""

SEARCH_LANGUAGES = (
    *("simple", "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french", "german"),
    *("greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian"),
    *("portuguese", "romanian", "russian", "serbian", "spanish", "swedish", "tamil", "turkish", "yiddish"),
)
"""The languages whose endings every supported PostgreSQL knows; ``simple`` is none of them."""

Word = TypeVar("Word", bound=str)
Value = TypeVar("Value")


class ConfigError(Exception):
    """A setting is missing or wrong; ``str()`` is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails are handed over, from ``MAIL_URL``; ``tls`` is encryption from the first byte."""

    host: str
    port: int
    security: MailSecurity
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where attachments are kept instead of in the data folder: a bucket of Amazon S3 or of a server that speaks it.

    Without keys the machine's own role counts, as its cloud tells it.
    """

    name: str
    endpoint: str | None
    region: str
    key_id: str | None
    secret: str | None = field(repr=False)


def _setting(read: Callable[["_Reader"], Value], *, secret: bool = False) -> Value:
    """A field of `Settings`, with how it is read; what is secret is not shown with the others."""
    return cast(Value, field(repr=not secret, metadata={"read": read}))


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the process may vary by. Times are seconds, sizes are bytes."""

    database_url: str | None = _setting(lambda read: read.database("DATABASE_URL"))
    """SQLAlchemy URL with the psycopg driver, of one host or several; None means the embedded PostgreSQL."""
    database_read_url: str | None = _setting(lambda read: read.database("DATABASE_READ_URL"))
    """The same for a streaming replica, from which lists may be read; None reads everything from the database."""
    database_read_lag: float = _setting(lambda read: read.number("DATABASE_READ_LAG", 5.0, least=0.1, most=3600.0))
    """How far the replica may be behind before the database is read instead."""
    secret_key: str = _setting(lambda read: _secret_key(read), secret=True)
    data_dir: Path = _setting(lambda read: _data_dir(read))
    host: str = _setting(lambda read: _host(read))
    port: int = _setting(lambda read: _port(read))
    public_url: str = _setting(lambda read: read.address("PUBLIC_URL") or _own_url(read))
    """Where customers reach the desk, without a trailing slash; links in mail and the API start with it."""
    trusted_proxies: int = _setting(lambda read: read.whole("TRUSTED_PROXIES", 0, least=0, most=10))
    """How many reverse proxies in front may set X-Forwarded-*; 0 trusts none."""
    web_workers: int = _setting(lambda read: read.whole("WEB_WORKERS", 2, least=1, most=64))
    web_threads: int = _setting(lambda read: _threads(read))
    database_pool: int = _setting(lambda read: read.whole("DATABASE_POOL", _threads(read), least=1, most=256))
    database_statement_timeout: float = _setting(
        lambda read: read.number("DATABASE_STATEMENT_TIMEOUT", 15.0, least=0.1, most=300.0)
    )
    """How long one statement of a request may take."""
    database_lock_timeout: float = _setting(
        lambda read: read.number("DATABASE_LOCK_TIMEOUT", 5.0, least=0.1, most=300.0)
    )
    """How long a statement of a request may wait for others."""
    database_idle_timeout: float = _setting(
        lambda read: read.number("DATABASE_IDLE_TIMEOUT", 30.0, least=1.0, most=3600.0)
    )
    """How long a request's transaction may do nothing before the database ends it."""
    ai_engine: AiEngine = _setting(lambda read: read.choice("AI_ENGINE", "auto", ("auto", "gemini", "openai", "local")))
    ai_timeout: float = _setting(lambda read: read.number("AI_TIMEOUT", 4.0, least=0.1, most=60.0))
    ai_fallback: bool = _setting(lambda read: read.switch("AI_FALLBACK", True))
    """Whether the local engine answers where the remote one fails."""
    ai_redact: bool = _setting(lambda read: read.switch("AI_REDACT", True))
    """Whether private data is taken out of a text before a remote engine sees it."""
    ai_threshold: float = _setting(lambda read: read.number("AI_THRESHOLD", AI_THRESHOLD, least=0.0, most=1.0))
    """How sure of the category an engine must be, from 0 to 1; below it abstains."""
    ai_daily_limit: int | None = _setting(lambda read: read.whole_or_none("AI_DAILY_LIMIT", least=1, most=1_000_000))
    """How many calls a day a remote engine may get, across all workers; None sets no limit."""
    trash_days: int = _setting(lambda read: read.whole("TRASH_DAYS", 30, least=1, most=3650))
    """How long a deleted ticket can be restored; then it is gone for ever."""
    gemini_api_key: str | None = _setting(lambda read: read.secret("GEMINI_API_KEY"), secret=True)
    gemini_model: str = _setting(lambda read: read.text("GEMINI_MODEL", "gemini-3.5-flash-lite"))
    gemini_endpoint: str | None = _setting(lambda read: read.address("GEMINI_ENDPOINT"))
    openai_base_url: str | None = _setting(lambda read: read.address("OPENAI_BASE_URL"))
    """What stands before ``/chat/completions`` at an OpenAI-compatible server, without a trailing slash."""
    openai_api_key: str | None = _setting(lambda read: read.secret("OPENAI_API_KEY"), secret=True)
    openai_model: str | None = _setting(lambda read: read.optional("OPENAI_MODEL"))
    mail_server: MailServer | None = _setting(lambda read: read.mail_server("MAIL_URL"))
    """None keeps all mails in the outbox."""
    mail_from: str = _setting(lambda read: read.mail_address("MAIL_FROM") or NO_SENDER)
    """The bare address that mails come from; ``desk_name`` stands before it."""
    mail_reply_address: str | None = _setting(lambda read: read.mail_address("MAIL_REPLY_ADDRESS"))
    """Where answers go, each ticket's with a signed part of its own; None lets them go to ``mail_from``."""
    mail_language: MailLanguage = _setting(lambda read: read.choice("MAIL_LANGUAGE", "en", ("en", "de")))
    mail_status_changes: bool = _setting(lambda read: read.switch("MAIL_STATUS_CHANGES", False))
    """Whether requesters are told when their ticket's status changes."""
    mail_timeout: float = _setting(lambda read: read.number("MAIL_TIMEOUT", 20.0, least=0.1, most=120.0))
    """How long the mail server may be silent."""
    attachment_files: int = _setting(lambda read: read.whole("ATTACHMENT_FILES", 10, least=0, most=100))
    """How many files a message may have."""
    attachment_size: int = _setting(lambda read: read.whole("ATTACHMENT_SIZE", 20, least=1, most=1024) * MEGABYTE)
    attachment_total: int = _setting(lambda read: read.whole("ATTACHMENT_TOTAL", 50, least=1, most=4096) * MEGABYTE)
    """How many bytes the files of a message may have together."""
    s3: Bucket | None = _setting(lambda read: read.bucket())
    """None keeps attachments under ``data_dir``."""
    search_language: str = _setting(lambda read: read.choice("SEARCH_LANGUAGE", "simple", SEARCH_LANGUAGES))
    """Whose endings do not matter to the search, one of ``SEARCH_LANGUAGES``."""
    ratelimit_enabled: bool = _setting(lambda read: read.switch("RATELIMIT_ENABLED", True))
    ratelimit_storage: str | None = _setting(lambda read: read.optional("RATELIMIT_STORAGE"))
    """A Redis URL; None counts in PostgreSQL."""
    ratelimit_create: str = _setting(lambda read: read.text("RATELIMIT_CREATE", "20 per minute;200 per hour"))
    ratelimit_reply: str = _setting(lambda read: read.text("RATELIMIT_REPLY", "20 per minute;200 per hour"))
    """How often one address may reply, close, open again or rate, on all tickets together."""
    ratelimit_find: str = _setting(lambda read: read.text("RATELIMIT_FIND", "10 per minute;60 per hour"))
    """How often one address of the network may ask for a link to tickets, and use one."""
    ratelimit_classify: str = _setting(lambda read: read.text("RATELIMIT_CLASSIFY", "60 per minute;600 per hour"))
    ratelimit_upload: str = _setting(lambda read: read.text("RATELIMIT_UPLOAD", "60 per minute;600 per hour"))
    log_format: Literal["json", "console"] = _setting(
        lambda read: read.choice("LOG_FORMAT", "console" if sys.stderr.isatty() else "json", ("json", "console"))
    )
    desk_name: str = _setting(lambda read: read.text("DESK_NAME", "Ticketdesk"))

    @property
    def embedded(self) -> bool:
        """Whether the desk runs its own PostgreSQL under ``data_dir``."""
        return self.database_url is None

    @property
    def https(self) -> bool:
        """Whether customers come by https, which makes cookies Secure."""
        return self.public_url.startswith("https://")


def load(environ: Mapping[str, str] | None = None, *, env_file: Path | None = ROOT / ".env") -> Settings:
    """Read the settings; a variable in ``environ`` wins over the same name in ``env_file``.

    Raises:
        ConfigError: a setting is missing or wrong.
    """
    given = dict(os.environ if environ is None else environ)
    if env_file is not None and env_file.is_file():
        try:
            from_file = dotenv_values(env_file, interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{env_file} cannot be read ({error}); make it a readable UTF-8 text file.") from None
        given = {name: value for name, value in from_file.items() if value is not None} | given
    read = _Reader(given)
    settings = Settings(**{each.name: each.metadata["read"](read) for each in fields(Settings)})
    _check_engine(settings)
    _check_mail(settings)
    if settings.attachment_total < settings.attachment_size:
        raise ConfigError("ATTACHMENT_TOTAL is less than ATTACHMENT_SIZE; all files need as much room as one.")
    return settings


def _check_engine(settings: Settings) -> None:
    needed = {
        "gemini": {"GEMINI_API_KEY": settings.gemini_api_key},
        "openai": {"OPENAI_BASE_URL": settings.openai_base_url, "OPENAI_MODEL": settings.openai_model},
    }
    engine = settings.ai_engine
    for name, value in needed.get(engine, {}).items():
        if value is None:
            raise ConfigError(f"AI_ENGINE is {engine!r}, but {name} is not set; set it, or set AI_ENGINE to auto.")


def _check_mail(settings: Settings) -> None:
    if settings.mail_server is not None and settings.mail_from == NO_SENDER:
        raise ConfigError(
            "MAIL_URL is set, but MAIL_FROM is not; set it to the address that mails come from,"
            " such as support@example.com."
        )
    local, _, _ = (settings.mail_reply_address or "").partition("@")
    if len(local) > REPLY_LOCAL_MAX or "+" in local:
        raise ConfigError(
            f"MAIL_REPLY_ADDRESS has {local!r} before the @, but what stands there must have at most"
            f" {REPLY_LOCAL_MAX} characters and no plus, because each ticket's own part is added to it."
        )


class _Reader:
    """Takes settings out of a mapping and names the setting when it cannot be used.

    An empty value counts as not set: Docker Compose passes empty strings for
    variables that the operator left out.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def optional(self, name: str) -> str | None:
        return self._given.get(name, "").strip() or None

    def secret(self, name: str) -> str | None:
        """A value that may stand in the file that ``NAME_FILE`` names, so that it is in nobody's environment."""
        value, path = self.optional(name), self.optional(f"{name}_FILE")
        if value is not None or path is None:
            return value
        try:
            value = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{name}_FILE is {path!r}, but that file cannot be read ({error}).") from None
        if not value:
            raise ConfigError(f"{name}_FILE is {path!r}, but that file is empty; write the value of {name} into it.")
        return value

    def text(self, name: str, default: str) -> str:
        return self.optional(name) or default

    def choice(self, name: str, default: Word, allowed: tuple[Word, ...]) -> Word:
        value = self.text(name, default)
        for word in allowed:
            if value.lower() == word:
                return word
        raise ConfigError(f"{name} is {value!r}, but must be one of: {', '.join(allowed)}.")

    def database(self, name: str) -> str | None:
        """An SQLAlchemy URL from one as libpq reads it, which may name several hosts."""
        value = self.secret(name)
        if value is None:
            return None
        scheme, separator, rest = value.partition("://")
        if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
            raise ConfigError(
                f"{name} starts with {scheme!r}, but must look like postgresql://user:password@host:5432/name."
            )
        try:
            found = {key: str(word) for key, word in conninfo_to_dict(f"postgresql://{rest}").items()}
            ports = [int(port) if port else None for port in found.pop("port", "").split(",")]
        except (psycopg.Error, ValueError):
            # What was given is not repeated, because it holds a password.
            raise ConfigError(
                f"{name} must look like postgresql://user:password@host:5432/name, or with several hosts like"
                " postgresql://user:password@one:5432,two:5432/name?target_session_attrs=read-write;"
                " write special characters of a password as %40 for @."
            ) from None
        user, password, database = (found.pop(key, None) for key in ("user", "password", "dbname"))
        url = URL.create("postgresql+psycopg", user, password, database=database)
        if len(ports) == 1 and "/" not in found.get("host", ""):
            url = url.set(host=found.pop("host", None), port=ports[0])
        elif any(ports):
            found["port"] = ",".join(str(port or "") for port in ports)
        return url.set(query=found).render_as_string(hide_password=False)

    def address(self, name: str) -> str | None:
        """An http or https address without a trailing slash."""
        value = self.optional(name)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable or "?" in value or "#" in value:
            raise ConfigError(f"{name} is {value!r}, but must look like https://support.example.com.")
        return value.rstrip("/")

    def mail_address(self, name: str) -> str | None:
        """A bare e-mail address in ASCII."""
        value = self.optional(name)
        if value is not None and not re.fullmatch(r"[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9.-]+", value, re.A | re.I):
            raise ConfigError(f"{name} is {value!r}, but must be an address such as support@example.com.")
        return value

    def mail_server(self, name: str) -> MailServer | None:
        """A mail server from smtp://user:password@host:587?starttls or smtps://user:password@host."""
        value = self.secret(name)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        # What was given is not repeated, because it holds a password.
        if (
            not host
            or port == 0
            or parts.scheme not in {"smtp", "smtps"}
            or parts.path not in {"", "/"}
            or parts.query.removesuffix("=") not in {"", "starttls"}
            or (parts.scheme == "smtps" and parts.query)
        ):
            raise ConfigError(
                f"{name} must look like smtp://user:password@mail.example.com:587?starttls"
                " or smtps://user:password@mail.example.com; write special characters of a password as %40 for @."
            )
        security: MailSecurity = "tls" if parts.scheme == "smtps" else "starttls" if parts.query else "none"
        usual = {"tls": 465, "starttls": 587, "none": 25}[security]
        user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
        return MailServer(host, port or usual, security, user, password)

    def bucket(self) -> Bucket | None:
        """The bucket, with its keys both or neither."""
        name = self.optional("S3_BUCKET")
        if name is None:
            return None
        key_id, secret = self.secret("S3_ACCESS_KEY_ID"), self.secret("S3_SECRET_ACCESS_KEY")
        if (key_id is None) != (secret is None):
            raise ConfigError("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together; set both, or neither.")
        return Bucket(name, self.address("S3_ENDPOINT"), self.text("S3_REGION", "us-east-1"), key_id, secret)

    def switch(self, name: str, default: bool) -> bool:
        value = self.text(name, "on" if default else "off").lower()
        if value in {"1", "on", "true", "yes"}:
            return True
        if value in {"0", "off", "false", "no"}:
            return False
        raise ConfigError(f"{name} is {value!r}, but must be on or off.")

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        value = self.text(name, str(default))
        if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
            raise ConfigError(f"{name} is {value!r}, but must be a whole number from {least} to {most}.")
        return int(value)

    def whole_or_none(self, name: str, *, least: int, most: int) -> int | None:
        return None if self.optional(name) is None else self.whole(name, 0, least=least, most=most)

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        value = self.text(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise ConfigError(f"{name} is {value!r}, but must be a number from {least:g} to {most:g}.")
        return number


def _host(read: _Reader) -> str:
    return read.text("HOST", "127.0.0.1")


def _port(read: _Reader) -> int:
    return read.whole("PORT", 8000, least=1, most=65535)


def _own_url(read: _Reader) -> str:
    host, port = _host(read), _port(read)
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  (compared, not bound)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _threads(read: _Reader) -> int:
    return read.whole("WEB_THREADS", 16, least=1, most=256)


def _data_dir(read: _Reader) -> Path:
    return ROOT / Path(read.text("TICKETDESK_DATA", "var")).expanduser()


def _secret_key(read: _Reader) -> str:
    value = read.secret("SECRET_KEY")
    if value is not None:
        if len(value) < SECRET_KEY_MIN:
            raise ConfigError(
                f"SECRET_KEY has {len(value)} characters, but needs at least {SECRET_KEY_MIN}; "
                "make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
            )
        return value
    if read.database("DATABASE_URL") is not None:
        raise ConfigError(
            "SECRET_KEY is required when DATABASE_URL is set; "
            "make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
        )
    return _kept_secret(_data_dir(read))


def _kept_secret(data_dir: Path) -> str:
    """The data folder's own secret key, made on first use and readable by its owner alone."""
    path = data_dir / "secret_key"
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _write_once(path, secrets.token_hex(32))
        key = path.read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"The data folder {data_dir} cannot be used ({error.strerror}); "
            "set TICKETDESK_DATA to a folder this user may write to."
        ) from None
    if len(key) < SECRET_KEY_MIN:
        raise ConfigError(f"{path} does not hold a secret key; delete the file to have a new one made.")
    return key


def _write_once(path: Path, text: str) -> None:
    """Write a private file unless it is there already.

    It is written beside and linked into place, so that two processes which start
    together agree on one text and none ever reads half of it.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
