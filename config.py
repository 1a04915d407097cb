"""The settings, read once from the environment and `.env`.

Each setting stands once, in ``Settings`` or ``Bucket``: its type, its name outside, its kind, its default, its bounds
and its meaning. ``load()`` returns a frozen ``Settings`` or raises ``ConfigError`` with one sentence that names the
setting, what is wrong with it and what to do. No secret has a default: in the embedded mode (no ``DATABASE_URL``) a
secret key is made on first start and kept in the data folder; otherwise ``SECRET_KEY`` is required.
"""

import contextlib
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Literal, TypeVar, cast, get_args
from urllib.parse import unquote, urlsplit

import psycopg
from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

ROOT = Path(__file__).resolve().parent

AiEngine = Literal["auto", "gemini", "openai", "local"]
MailLanguage = Literal["en", "de"]
MailSecurity = Literal["none", "starttls", "tls"]
LogFormat = Literal["json", "console"]
MEGABYTE = 1024 * 1024
SECRET_KEY_MIN = 32
MAKE_A_KEY = "make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'"
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

Value = TypeVar("Value")
Known = Mapping[str, Any]
"""The fields of a table that stand above the one that is read."""


class ConfigError(Exception):
    """A setting is missing or wrong; ``str()`` is a sentence for the operator."""


# The kinds of value: each takes a setting's name, its text and its bounds, and refuses what is no such value.


def _text(name: str, text: str) -> str:
    return text


def _folder(name: str, text: str) -> Path:
    return ROOT / Path(text).expanduser()


def _choice(name: str, text: str, *allowed: str) -> Any:
    if (word := text.lower()) not in allowed:
        raise ConfigError(f"{name} is {text!r}, but must be one of: {', '.join(allowed)}.")
    return word


def _switch(name: str, text: str) -> bool:
    if (word := text.lower()) not in {"1", "on", "true", "yes", "0", "off", "false", "no"}:
        raise ConfigError(f"{name} is {word!r}, but must be on or off.")
    return word in {"1", "on", "true", "yes"}


def _whole(name: str, text: str, least: int, most: int, unit: int = 1) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ConfigError(f"{name} is {text!r}, but must be a whole number from {least} to {most}.")
    return int(text) * unit


def _number(name: str, text: str, least: float, most: float) -> float:
    with contextlib.suppress(ValueError):
        if least <= (number := float(text)) <= most:
            return number
    raise ConfigError(f"{name} is {text!r}, but must be a number from {least:g} to {most:g}.")


def _address(name: str, text: str) -> str:
    """An http or https address without a trailing slash."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(text)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not {"?", "#"} & set(text):
            return text.rstrip("/")
    raise ConfigError(f"{name} is {text!r}, but must look like https://support.example.com.")


def _mail_address(name: str, text: str) -> str:
    """A bare e-mail address in ASCII."""
    if not re.fullmatch(r"[\w.!#$%&'*+/=?^`{|}~-]+@[a-z0-9.-]+", text, re.A | re.I):
        raise ConfigError(f"{name} is {text!r}, but must be an address such as support@example.com.")
    return text


def _database(name: str, text: str) -> str:
    """An SQLAlchemy URL from one as libpq reads it, which may name several hosts."""
    scheme, separator, rest = text.partition("://")
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


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails are handed over, from ``MAIL_URL``; ``tls`` is encryption from the first byte."""

    host: str
    port: int
    security: MailSecurity
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def _mail_server(name: str, text: str) -> MailServer:
    """A mail server from smtp://user:password@host:587?starttls or smtps://user:password@host."""
    ways: dict[tuple[str, str], tuple[MailSecurity, int]] = {
        ("smtp", ""): ("none", 25),
        ("smtp", "starttls"): ("starttls", 587),
        ("smtp", "starttls="): ("starttls", 587),
        ("smtps", ""): ("tls", 465),
    }
    with contextlib.suppress(ValueError, KeyError):
        parts = urlsplit(text)
        security, usual = ways[parts.scheme, parts.query]
        if parts.hostname and parts.port != 0 and parts.path in {"", "/"}:
            user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
            return MailServer(parts.hostname, parts.port or usual, security, user, password)
    # What was given is not repeated, because it holds a password.
    raise ConfigError(
        f"{name} must look like smtp://user:password@mail.example.com:587?starttls"
        " or smtps://user:password@mail.example.com; write special characters of a password as %40 for @."
    )


def _key(name: str, text: str) -> str:
    if len(text) < SECRET_KEY_MIN:
        raise ConfigError(f"{name} has {len(text)} characters, but needs at least {SECRET_KEY_MIN}; {MAKE_A_KEY}")
    return text


def _kept_key(known: Known) -> str:
    """The data folder's own secret key, made on first use and readable by its owner alone.

    It is written beside and linked into place, so that two processes which start
    together agree on one key and none ever reads half of it.
    """
    if known["database_url"] is not None:
        raise ConfigError(f"SECRET_KEY is required when DATABASE_URL is set; {MAKE_A_KEY}")
    path: Path = known["data_dir"] / "secret_key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            with NamedTemporaryFile("w", dir=path.parent) as draft, contextlib.suppress(FileExistsError):
                draft.write(secrets.token_hex(32))
                draft.flush()
                os.fsync(draft.fileno())
                path.hardlink_to(draft.name)
        key = path.read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"The data folder {path.parent} cannot be used ({error.strerror}); "
            "set TICKETDESK_DATA to a folder this user may write to."
        ) from None
    if len(key) < SECRET_KEY_MIN:
        raise ConfigError(f"{path} does not hold a secret key; delete the file to have a new one made.")
    return key


def _own_url(known: Known) -> str:
    host, port = known["host"], known["port"]
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  (compared, not bound)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _setting(
    name: str, kind: Callable[..., Value], default: str | Callable[[Known], Value], *bounds: Any, secret: bool = False
) -> Value:
    """A field that is read from the setting ``name``; what is secret may stand in a file, and is not shown.

    The default is a text like one that is given, or is made of what is known.
    """
    row = {"name": name, "kind": kind, "default": default, "bounds": bounds, "secret": secret}
    return cast(Value, field(repr=not secret, metadata=row))


def _optional(name: str, kind: Callable[..., Value], *bounds: Any, secret: bool = False) -> Value | None:
    return _setting(name, kind, lambda _: None, *bounds, secret=secret)


def _given(given: Mapping[str, str], name: str, *, secret: bool = False) -> str | None:
    """The text of a setting; that of a secret may stand in the file that ``NAME_FILE`` names.

    An empty one counts as not set: Docker Compose passes it for variables that the operator left out.
    """
    text, path = (given.get(variable, "").strip() for variable in (name, f"{name}_FILE"))
    if text or not (secret and path):
        return text or None
    try:
        text = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}_FILE is {path!r}, but that file cannot be read ({error}).") from None
    if not text:
        raise ConfigError(f"{name}_FILE is {path!r}, but that file is empty; write the value of {name} into it.")
    return text


def _read(table: type[Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The values of a table's fields, in their order."""
    known: dict[str, Any] = {}
    for each in fields(table):
        if row := each.metadata:
            text = _given(given, row["name"], secret=row["secret"])
            if text is None and callable(row["default"]):
                known[each.name] = row["default"](known)
            else:
                known[each.name] = row["kind"](row["name"], text or row["default"], *row["bounds"])
    return known


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where attachments are kept instead of in the data folder: a bucket of Amazon S3 or of a server that speaks it.

    Without keys the machine's own role counts, as its cloud tells it.
    """

    name: str = _setting("S3_BUCKET", _text, "")
    endpoint: str | None = _optional("S3_ENDPOINT", _address)
    region: str = _setting("S3_REGION", _text, "us-east-1")
    key_id: str | None = _optional("S3_ACCESS_KEY_ID", _text, secret=True)
    secret: str | None = _optional("S3_SECRET_ACCESS_KEY", _text, secret=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the process may vary by. Times are seconds, sizes are bytes."""

    database_url: str | None = _optional("DATABASE_URL", _database, secret=True)
    """SQLAlchemy URL with the psycopg driver, of one host or several; None means the embedded PostgreSQL."""
    database_read_url: str | None = _optional("DATABASE_READ_URL", _database, secret=True)
    """The same for a streaming replica, from which lists may be read; None reads everything from the database."""
    database_read_lag: float = _setting("DATABASE_READ_LAG", _number, "5", 0.1, 3600)
    """How far the replica may be behind before the database is read instead."""
    data_dir: Path = _setting("TICKETDESK_DATA", _folder, "var")
    secret_key: str = _setting("SECRET_KEY", _key, _kept_key, secret=True)
    host: str = _setting("HOST", _text, "127.0.0.1")
    port: int = _setting("PORT", _whole, "8000", 1, 65535)
    public_url: str = _setting("PUBLIC_URL", _address, _own_url)
    """Where customers reach the desk, without a trailing slash; links in mail and the API start with it."""
    trusted_proxies: int = _setting("TRUSTED_PROXIES", _whole, "0", 0, 10)
    """How many reverse proxies in front may set X-Forwarded-*; 0 trusts none."""
    web_workers: int = _setting("WEB_WORKERS", _whole, "2", 1, 64)
    web_threads: int = _setting("WEB_THREADS", _whole, "16", 1, 256)
    database_pool: int = _setting("DATABASE_POOL", _whole, lambda known: known["web_threads"], 1, 256)
    database_statement_timeout: float = _setting("DATABASE_STATEMENT_TIMEOUT", _number, "15", 0.1, 300)
    """How long one statement of a request may take."""
    database_lock_timeout: float = _setting("DATABASE_LOCK_TIMEOUT", _number, "5", 0.1, 300)
    """How long a statement of a request may wait for others."""
    database_idle_timeout: float = _setting("DATABASE_IDLE_TIMEOUT", _number, "30", 1, 3600)
    """How long a request's transaction may do nothing before the database ends it."""
    ai_engine: AiEngine = _setting("AI_ENGINE", _choice, "auto", *get_args(AiEngine))
    ai_timeout: float = _setting("AI_TIMEOUT", _number, "4", 0.1, 60)
    ai_fallback: bool = _setting("AI_FALLBACK", _switch, "on")
    """Whether the local engine answers where the remote one fails."""
    ai_redact: bool = _setting("AI_REDACT", _switch, "on")
    """Whether private data is taken out of a text before a remote engine sees it."""
    ai_threshold: float = _setting("AI_THRESHOLD", _number, str(AI_THRESHOLD), 0, 1)
    """How sure of the category an engine must be, from 0 to 1; below it abstains."""
    ai_daily_limit: int | None = _optional("AI_DAILY_LIMIT", _whole, 1, 1_000_000)
    """How many calls a day a remote engine may get, across all workers; None sets no limit."""
    trash_days: int = _setting("TRASH_DAYS", _whole, "30", 1, 3650)
    """How long a deleted ticket can be restored; then it is gone for ever."""
    gemini_api_key: str | None = _optional("GEMINI_API_KEY", _text, secret=True)
    gemini_model: str = _setting("GEMINI_MODEL", _text, "gemini-3.5-flash-lite")
    gemini_endpoint: str | None = _optional("GEMINI_ENDPOINT", _address)
    openai_base_url: str | None = _optional("OPENAI_BASE_URL", _address)
    """What stands before ``/chat/completions`` at an OpenAI-compatible server, without a trailing slash."""
    openai_api_key: str | None = _optional("OPENAI_API_KEY", _text, secret=True)
    openai_model: str | None = _optional("OPENAI_MODEL", _text)
    mail_server: MailServer | None = _optional("MAIL_URL", _mail_server, secret=True)
    """None keeps all mails in the outbox."""
    mail_from: str = _setting("MAIL_FROM", _mail_address, NO_SENDER)
    """The bare address that mails come from; ``desk_name`` stands before it."""
    mail_reply_address: str | None = _optional("MAIL_REPLY_ADDRESS", _mail_address)
    """Where answers go, each ticket's with a signed part of its own; None lets them go to ``mail_from``."""
    mail_language: MailLanguage = _setting("MAIL_LANGUAGE", _choice, "en", *get_args(MailLanguage))
    mail_status_changes: bool = _setting("MAIL_STATUS_CHANGES", _switch, "off")
    """Whether requesters are told when their ticket's status changes."""
    mail_timeout: float = _setting("MAIL_TIMEOUT", _number, "20", 0.1, 120)
    """How long the mail server may be silent."""
    attachment_files: int = _setting("ATTACHMENT_FILES", _whole, "10", 0, 100)
    """How many files a message may have."""
    attachment_size: int = _setting("ATTACHMENT_SIZE", _whole, "20", 1, 1024, MEGABYTE)
    attachment_total: int = _setting("ATTACHMENT_TOTAL", _whole, "50", 1, 4096, MEGABYTE)
    """How many bytes the files of a message may have together."""
    search_language: str = _setting("SEARCH_LANGUAGE", _choice, "simple", *SEARCH_LANGUAGES)
    """Whose endings do not matter to the search, one of ``SEARCH_LANGUAGES``."""
    ratelimit_enabled: bool = _setting("RATELIMIT_ENABLED", _switch, "on")
    ratelimit_storage: str | None = _optional("RATELIMIT_STORAGE", _text)
    """A Redis URL; None counts in PostgreSQL."""
    ratelimit_create: str = _setting("RATELIMIT_CREATE", _text, "20 per minute;200 per hour")
    ratelimit_reply: str = _setting("RATELIMIT_REPLY", _text, "20 per minute;200 per hour")
    """How often one address may reply, close, open again or rate, on all tickets together."""
    ratelimit_find: str = _setting("RATELIMIT_FIND", _text, "10 per minute;60 per hour")
    """How often one address of the network may ask for a link to tickets, and use one."""
    ratelimit_classify: str = _setting("RATELIMIT_CLASSIFY", _text, "60 per minute;600 per hour")
    ratelimit_upload: str = _setting("RATELIMIT_UPLOAD", _text, "60 per minute;600 per hour")
    log_format: LogFormat = _setting(
        "LOG_FORMAT", _choice, lambda _: "console" if sys.stderr.isatty() else "json", *get_args(LogFormat)
    )
    desk_name: str = _setting("DESK_NAME", _text, "Ticketdesk")
    s3: Bucket | None = None
    """None keeps attachments under ``data_dir``."""

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
            given = {name: value or "" for name, value in dotenv_values(env_file, interpolate=False).items()} | given
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{env_file} cannot be read ({error}); make it a readable UTF-8 text file.") from None
    bucket = Bucket(**_read(Bucket, given)) if _given(given, "S3_BUCKET") else None
    settings = Settings(**_read(Settings, given), s3=bucket)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Refuse settings of which each is right and which do not fit together."""
    engine = settings.ai_engine
    for name in {"gemini": ["GEMINI_API_KEY"], "openai": ["OPENAI_BASE_URL", "OPENAI_MODEL"]}.get(engine, []):
        if getattr(settings, name.lower()) is None:
            raise ConfigError(f"AI_ENGINE is {engine!r}, but {name} is not set; set it, or set AI_ENGINE to auto.")
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
    if settings.attachment_total < settings.attachment_size:
        raise ConfigError("ATTACHMENT_TOTAL is less than ATTACHMENT_SIZE; all files need as much room as one.")
    if settings.s3 is not None and (settings.s3.key_id is None) != (settings.s3.secret is None):
        raise ConfigError("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together; set both, or neither.")
