"""What is fine and what is wrong with a desk, one finding at a time."""

import ipaddress
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from flask import current_app
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from config import ROOT, SECRET_KEY_MIN, Settings
from ticketdesk.accounts import service as accounts
from ticketdesk.ai.suggest import Suggester
from ticketdesk.attachments.storage import StoreUnavailable, current_storage
from ticketdesk.core import clock
from ticketdesk.extensions import conninfo, db
from ticketdesk.health import database_revision, known_revisions, wanted_revision
from ticketdesk.jobs.worker import STALLED_AFTER
from ticketdesk.mail import outbox, smtp
from ticketdesk.models import MailState, Role
from ticketdesk.search import vocabulary

POSTGRESQL_VERSIONS = range(15, 19)
# Seconds.
JOB_WAIT_MAX = 300.0
CLOCK_SKEW_MAX = 2.0
# Bytes.
DISK_WARN, DISK_FAIL = 2_000_000_000, 200_000_000

UNREACHABLE = (OperationalError, InterfaceError, PoolTimeoutError)
"""What the database raises when it cannot be reached, or ends a statement for want of time or room."""


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``sentence`` says how it is and, unless it is fine, what to do."""

    level: Level
    topic: str
    sentence: str


def examine(settings: Settings, suggester: Suggester, *, ask: bool = False) -> Iterator[Finding]:
    """Look at everything; ``ask`` tries the AI engine, which costs one call to a provider, and the mail server."""
    files = " and .env" if (ROOT / ".env").is_file() else ""
    yield _ok("settings", f"Read from the environment{files}; all of them can be used.")
    yield from _database(settings)
    yield _mail(settings, ask=ask)
    yield _ask(suggester) if ask else _engine(settings, suggester)
    yield _public_url(settings)
    yield _secret_key(settings)
    yield from _data_folder(settings)
    yield _files(settings, ask=ask)


def why(error: Exception) -> str:
    """What the database's driver says went wrong, on one line and without a full stop."""
    said = str(getattr(error, "orig", None) or error).strip() or type(error).__name__
    first = said.splitlines()[0].removeprefix("connection failed: ").removeprefix("connection is bad: ")
    return " ".join(first.split()).rstrip(".")


def _ok(topic: str, sentence: str) -> Finding:
    return Finding(Level.OK, topic, sentence)


def _warn(topic: str, sentence: str) -> Finding:
    return Finding(Level.WARN, topic, sentence)


def _fail(topic: str, sentence: str) -> Finding:
    return Finding(Level.FAIL, topic, sentence)


def _database(settings: Settings) -> Iterator[Finding]:
    """The database, and all that only it can tell."""
    server = _server(settings)
    yield server
    if server.level is Level.FAIL:
        return
    try:
        schema = _schema()
        yield schema
        if schema.level is Level.OK:
            yield _first_admin()
            yield from _jobs()
            yield from _outbox()
            yield _search(settings)
        yield _clock()
    except DBAPIError as error:
        yield _fail("database", f"It did not answer a question: {why(error)}.")


def _server(settings: Settings) -> Finding:
    # Asked through the driver alone, because SQLAlchemy breaks on some encodings before it can be asked.
    try:
        with psycopg.connect(conninfo(current_app.config["SQLALCHEMY_DATABASE_URI"]), connect_timeout=5) as connection:
            version = connection.info.server_version // 10_000
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.Error as error:
        what = "start it with `./run up`" if settings.embedded else "check DATABASE_URL, and that PostgreSQL runs there"
        return _fail("database", f"It cannot be reached: {why(error)}; {what}.")
    supported = f"{POSTGRESQL_VERSIONS[0]} to {POSTGRESQL_VERSIONS[-1]}"
    if version < POSTGRESQL_VERSIONS[0]:
        return _fail("database", f"PostgreSQL {version} is too old; the desk runs on {supported}.")
    if encoding != "UTF8":
        return _fail("database", f"Its encoding is {encoding}, but must be UTF8; make one with: createdb -E UTF8")
    if version not in POSTGRESQL_VERSIONS:
        return _warn("database", f"PostgreSQL {version} is newer than those the desk is tested on ({supported}).")
    return _ok("database", f"PostgreSQL {version} with UTF8, {_place(settings)}.")


def _place(settings: Settings) -> str:
    if settings.database_url is None:
        return f"the embedded one in {settings.data_dir}"
    url = make_url(settings.database_url)
    where = url.host or url.query.get("host") or "this machine"
    return f"database {url.database!r} on {where}"


def _schema() -> Finding:
    found, wanted = database_revision(), wanted_revision()
    if found == wanted:
        return _ok("schema", f"At revision {found}, the newest.")
    if found is not None and found not in known_revisions():
        return _fail(
            "schema", f"Revision {found} was made by a newer ticketdesk than this one; run that, or restore a backup."
        )
    state = "There is none yet" if found is None else f"At revision {found}, behind {wanted}"
    return _fail("schema", f"{state}; `./run up` brings it up to date, and so does `flask db upgrade`.")


def _first_admin() -> Finding:
    if not accounts.any_staff():
        return _warn("staff", "Nobody works here yet; open the link of `flask setup-link` to make the first admin.")
    admins = db.session.scalar(text("SELECT count(*) FROM staff WHERE active AND role = :admin"), {"admin": Role.ADMIN})
    if not admins:
        return _fail("staff", "No admin account is active, so nobody can manage people and tokens.")
    return _ok("staff", "One active admin." if admins == 1 else f"{admins} active admins.")


def _jobs() -> Iterator[Finding]:
    workers, silent = db.session.execute(
        text(
            "SELECT count(*) FILTER (WHERE last_heartbeat > now() - make_interval(secs => :stalled)),"
            " extract(epoch FROM now() - max(last_heartbeat))::float FROM procrastinate_workers"
        ),
        {"stalled": STALLED_AFTER},
    ).one()
    if workers:
        yield _ok("worker", "Alive." if workers == 1 else f"{workers} are alive.")
    else:
        last = "None runs" if silent is None else f"None has reported for {_span(silent)}"
        yield _fail("worker", f"{last}, so jobs are not done; `./run up` starts one, and so does `flask worker`.")
    # A job that is to be tried again has a time of its own; any other has waited since it was enqueued.
    failed, late, longest = db.session.execute(
        text(
            """
            SELECT count(*) FILTER (WHERE status = 'failed'),
                count(*) FILTER (WHERE ready < now() - make_interval(secs => :wait)),
                extract(epoch FROM now() - min(ready))::float
            FROM (
                SELECT status, CASE WHEN status = 'todo' THEN coalesce(
                    scheduled_at, (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id)
                ) END AS ready
                FROM procrastinate_jobs AS job WHERE status IN ('failed', 'todo')
            ) AS unfinished
            """
        ),
        {"wait": JOB_WAIT_MAX},
    ).one()
    if failed:
        yield _warn("jobs", f"{failed} failed for good; the console shows why under Jobs, and can run them again.")
    if late:
        yield _warn(
            "jobs", f"{late} waiting for more than 5 minutes, the longest for {_span(longest)}; is the worker alive?"
        )
    if not failed and not late:
        yield _ok("jobs", "None failed, none waits long.")


def _outbox() -> Iterator[Finding]:
    counts = outbox.counts()
    for state, what in ((MailState.FAILED, "could not be sent"), (MailState.UNSURE, "may have been sent or not")):
        if number := counts[state]:
            yield _warn("outbox", f"{number:,} mail{'s' if number > 1 else ''} {what}; see the outbox in the console.")


def _search(settings: Settings) -> Finding:
    stored, wanted = vocabulary.stored_language(), settings.search_language
    if stored is not None and stored != wanted:
        return _warn(
            "search",
            f"SEARCH_LANGUAGE is {wanted}, but the words of the desk were read for {stored}, so endings of words"
            " matter to the search; `flask search rebuild` reads them anew.",
        )
    if wanted == vocabulary.SIMPLE:
        return _ok("search", "Words are found as they are written; SEARCH_LANGUAGE lets it see past their endings.")
    return _ok("search", f"Words are found in all their forms in {wanted.capitalize()}.")


def _clock() -> Finding:
    before = clock.now()
    theirs = db.session.execute(text("SELECT clock_timestamp()")).scalar_one()
    skew = abs((theirs - before - (clock.now() - before) / 2).total_seconds())
    if skew > CLOCK_SKEW_MAX:
        return _warn(
            "clock",
            f"This machine and the database are {_span(skew)} apart, so times on a page contradict each other;"
            " set both clocks by NTP.",
        )
    return _ok("clock", "This machine and the database agree.")


def _mail(settings: Settings, *, ask: bool) -> Finding:
    server = settings.mail_server
    if server is None:
        kept = "MAIL_URL is not set, so mails are kept in the console's outbox and reach nobody."
        return _ok("mail", kept) if _is_loopback(urlsplit(settings.public_url).hostname or "") else _warn("mail", kept)
    where = f"{server.host}:{server.port}"
    if ask:
        # The server may be silent for seconds; the connection goes back to the pool meanwhile.
        db.session.rollback()
        try:
            smtp.try_out(server, timeout=settings.mail_timeout)
        except smtp.NotNow as error:
            return _fail("mail", f"{error} Check MAIL_URL.")
    if server.security == "none" and not _is_loopback(server.host):
        return _warn(
            "mail",
            f"Mails go to {where} without encryption, so others on the way can read them;"
            " write MAIL_URL with ?starttls or as smtps:// if the server can do it.",
        )
    hint = "and it answers" if ask else "`flask doctor --ask` tries it"
    return _ok("mail", f"Sent from {settings.mail_from} through {where}; {hint}.")


def _engine(settings: Settings, suggester: Suggester) -> Finding:
    engine = suggester.preferred
    if engine.name == "local":
        hint = "" if settings.ai_engine == "local" else " Set GEMINI_API_KEY to have Gemini asked first."
        return _ok("AI", f"The local engine ({engine.model}) answers; no text leaves this machine.{hint}")
    key = settings.gemini_api_key if engine.name == "gemini" else settings.openai_api_key
    after = "the local engine answers where it fails" if settings.ai_fallback else "nobody answers where it fails"
    return _ok(
        "AI",
        f"{engine.name} with the model {engine.model} is asked first, {'with a' if key else 'without a'} key; {after}."
        " `flask doctor --ask` tries it.",
    )


def _ask(suggester: Suggester) -> Finding:
    # The engine may think for seconds; the connection goes back to the pool meanwhile.
    db.session.rollback()
    engine = suggester.preferred
    # Another order each time, because an engine's answer to the same text is kept for a while.
    order = secrets.randbelow(90_000) + 10_000
    answer = suggester.suggest(
        f"Charged twice for order {order}",
        "My bank shows two payments for the same order. Please send one of them back.",
    )
    if answer.engine == engine.name:
        said = f"{answer.category or 'no category for sure'}, {answer.priority}"
        return _ok("AI", f"{engine.name} ({engine.model}) says {said} in {answer.took_ms:.0f} ms.")
    trouble = answer.failure_sentence or f"{engine.name} gave no answer."
    if answer.engine is None:
        return _fail("AI", trouble)
    return _warn("AI", f"{trouble} The {answer.engine} engine answered instead.")


def _public_url(settings: Settings) -> Finding:
    url = settings.public_url
    if _is_loopback(urlsplit(url).hostname or ""):
        if _is_loopback(settings.host):
            return _ok("address", f"{url}, for this machine alone.")
        return _warn(
            "address",
            f"HOST is {settings.host}, but links lead to {url}, which only this machine can open;"
            " set PUBLIC_URL to the address that customers use.",
        )
    if not settings.https:
        return _warn(
            "address",
            f"{url} is not encrypted, so passwords can be read on their way;"
            " put a proxy with TLS in front and set PUBLIC_URL to its https address.",
        )
    if not settings.trusted_proxies:
        return _warn(
            "address",
            f"{url} is served by a proxy, but TRUSTED_PROXIES is 0, so all customers share the proxy's address"
            " and its rate limits; set it to 1 if the proxy sets X-Forwarded-For.",
        )
    return _ok("address", f"{url}, encrypted.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _secret_key(settings: Settings) -> Finding:
    kept = settings.data_dir / "secret_key"
    if not kept.is_file() or kept.read_text().strip() != settings.secret_key:
        return _ok("secret", f"From SECRET_KEY, {len(settings.secret_key)} characters ({SECRET_KEY_MIN} are needed).")
    if _open_to_others(kept):
        return _fail(
            "secret",
            f"Other users of this machine can read {kept}, and with it sign in as anybody; run: chmod 600 {kept}",
        )
    return _ok("secret", f"Kept in {kept}, for this user alone.")


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    if not folder.is_dir():
        yield _ok("data", f"{folder} is not there yet; it is made when something has to be kept.")
        return
    if _open_to_others(folder):
        yield _warn("data", f"Other users of this machine can look into {folder}; run: chmod 700 {folder}")
    else:
        yield _ok("data", f"{folder}, for this user alone.")
    free = shutil.disk_usage(folder).free
    room = f"{free / 1e9:.1f} GB are free in {folder}"
    if free < DISK_FAIL:
        yield _fail("disk", f"Only {room}; the desk stops when it is full.")
    elif free < DISK_WARN:
        yield _warn("disk", f"Only {room}; make room soon.")
    else:
        yield _ok("disk", f"{room}.")


def _files(settings: Settings, *, ask: bool) -> Finding:
    storage = current_storage()
    if settings.s3 is None and not settings.data_dir.is_dir():
        return _ok("files", f"Kept in {storage.place()}, once there is one.")
    if settings.s3 is not None and not ask:
        return _ok("files", f"Kept in {storage.place()}; `flask doctor --ask` tries it.")
    # The store may be silent for seconds; the connection goes back to the pool meanwhile.
    db.session.rollback()
    try:
        storage.try_out()
    except StoreUnavailable as error:
        what = "S3_BUCKET and the settings below it" if settings.s3 else "TICKETDESK_DATA, and the rights of the folder"
        return _fail("files", f"None can be kept in {storage.place()}: {error.reason}. Check {what}.")
    return _ok("files", f"Kept in {storage.place()}; a small one was written and removed.")


def _open_to_others(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _span(seconds: float) -> str:
    """A length of time as people say it."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
