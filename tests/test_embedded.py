"""The embedded PostgreSQL: one cluster for all who hold it, gone with the last of them."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests.processes.watch import running_in, until
from ticketdesk import embedded, postmaster

ROOT = Path(__file__).parent.parent
DEBIANS = Path("/usr/lib/postgresql/15/bin")

HOLDER = """
import sys
from pathlib import Path
from ticketdesk import embedded

cluster = embedded.hold(Path(sys.argv[1]), test=True)
print("holding", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose cluster is gone after the test."""
    folder = tmp_path / "var"
    yield folder
    for cluster in list(embedded._held.values()):
        if cluster.url() == embedded.socket_url(folder):
            cluster.release()
    until(lambda: not running_in(folder))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a cluster, to be copied: making one takes longer than most of what is tried with it."""
    folder = tmp_path_factory.mktemp("made") / "var"
    embedded.hold(folder, test=True).release()
    return folder


@pytest.fixture
def made_dir(data_dir: Path, made: Path) -> Path:
    """As `data_dir`, with a cluster in it that was made before."""
    subprocess.run(["cp", "-a", made, data_dir], check=True)
    return data_dir


def owner_of(folder: Path) -> psutil.Process:
    owners = []
    for process in running_in(folder):
        # Of PostgreSQL's processes, one for a connection may have ended since.
        with contextlib.suppress(psutil.NoSuchProcess):
            if postmaster.__file__ in process.cmdline():
                owners.append(process)
    (owner,) = owners
    return owner


def postgres_pid(folder: Path) -> int:
    return int((folder / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def start_holder(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def await_holder(holder: "subprocess.Popen[str]") -> None:
    assert holder.stdout is not None
    assert holder.stdout.readline() == "holding\n"


def end(holder: "subprocess.Popen[str]") -> None:
    holder.kill()
    holder.communicate()


def answer(cluster: embedded.Cluster, query: str = "select 1") -> object:
    with psycopg.connect(cluster.dsn()) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def answers(cluster: embedded.Cluster) -> bool:
    try:
        answer(cluster)
    except psycopg.OperationalError:
        return False
    return True


def test_first_use_makes_a_private_database(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    cluster = embedded.hold(data_dir, test=True)

    engine = create_engine(cluster.url())
    with engine.connect() as connection:
        assert connection.execute(text("select current_database()")).scalar_one() == "ticketdesk"
    engine.dispose()
    assert answer(cluster, "select lower('ÄÉ')") == "äé"
    assert answer(cluster, "show is_superuser") == "off"
    assert answer(cluster, "show listen_addresses") == ""
    for folder in (data_dir, data_dir / "postgres", postmaster.Place(data_dir / "postgres").sockets):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_holding_again_gives_the_same_cluster(made_dir: Path) -> None:
    cluster = embedded.hold(made_dir, test=True)
    assert embedded.hold(made_dir) is cluster


def test_a_database_is_copied_from_its_template_once(made_dir: Path) -> None:
    cluster = embedded.hold(made_dir, test=True)
    cluster.create_database("a template")
    with psycopg.connect(cluster.dsn("a template")) as connection:
        connection.execute("create table seen (n int)")
    for _ in range(2):
        cluster.create_database("copy", "a template")
    with psycopg.connect(cluster.dsn("copy")) as connection:
        assert connection.execute("select count(*) from seen").fetchone() == (0,)


def test_it_runs_until_its_last_holder_is_killed(made_dir: Path) -> None:
    cluster = embedded.hold(made_dir, test=True)
    postgres = postgres_pid(made_dir)
    other = start_holder(made_dir)
    try:
        await_holder(other)
        cluster.release()
        assert answers(cluster)
        assert postgres_pid(made_dir) == postgres
    finally:
        end(other)
    until(lambda: not running_in(made_dir))


def test_starting_together_makes_one_cluster(data_dir: Path) -> None:
    holders = [start_holder(data_dir) for _ in range(3)]
    try:
        for holder in holders:
            await_holder(holder)
        assert owner_of(data_dir).is_running()
    finally:
        for holder in holders:
            end(holder)


def test_release_returns_when_nothing_runs_any_more(made_dir: Path) -> None:
    embedded.hold(made_dir, test=True).release()
    assert not running_in(made_dir)


def test_a_killed_postgres_comes_back_with_every_commit(made_dir: Path) -> None:
    cluster = embedded.hold(made_dir)
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("create table kept as select 42 as n")
    killed = postgres_pid(made_dir)
    os.kill(killed, signal.SIGKILL)
    until(lambda: answers(cluster) and postgres_pid(made_dir) != killed)
    assert answer(cluster, "select n from kept") == 42


def test_postgres_stops_when_its_owner_is_killed_and_can_be_started_again(made_dir: Path) -> None:
    cluster = embedded.hold(made_dir, test=True)
    owner_of(made_dir).kill()
    until(lambda: not running_in(made_dir))
    cluster.ensure()
    assert answers(cluster)


@pytest.mark.parametrize("name", ['a "quoted" space', "with,comma", "d" * 120])
def test_any_folder_name_will_do(name: str) -> None:
    # Not tmp_path, which may be too long by itself for a socket.
    with tempfile.TemporaryDirectory() as parent:
        data_dir = Path(parent, name)
        cluster = embedded.hold(data_dir, test=True)
        assert answers(cluster)
        cluster.release()
        assert not running_in(data_dir)
        assert not postmaster.Place(data_dir / "postgres").sockets.exists()


def test_an_interrupted_creation_is_begun_anew(data_dir: Path) -> None:
    draft = data_dir / "postgres" / "cluster.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    assert answers(embedded.hold(data_dir, test=True))


@pytest.mark.skipif(not DEBIANS.is_dir(), reason="Debian's PostgreSQL 15 is not installed")
def test_the_operator_chooses_the_programs(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETDESK_PG_BIN", str(DEBIANS))
    cluster = embedded.hold(data_dir, test=True)
    assert str(answer(cluster, "show server_version")).startswith("15.")
    assert answer(cluster, "select lower('ÄÉ')") == "äé"


def refusal(data_dir: Path) -> str:
    with pytest.raises(embedded.EmbeddedError) as refused:
        embedded.hold(data_dir, test=True)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "set TICKETDESK_DATA to a folder" in refusal(tmp_path / "file" / "var")


def test_programs_that_are_not_there(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETDESK_PG_BIN", "/nowhere")
    assert "TICKETDESK_PG_BIN is '/nowhere'" in refusal(data_dir)


def test_data_of_another_postgresql(made_dir: Path) -> None:
    (made_dir / "postgres" / "cluster" / "PG_VERSION").write_text("13\n")
    assert "was made by PostgreSQL 13" in refusal(made_dir)


def test_a_refusal_to_start_is_given_in_postgresqls_words(made_dir: Path) -> None:
    with (made_dir / "postgres" / "cluster" / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = plenty\n")
    assert "errors" in refusal(made_dir)


def test_a_socket_folder_that_others_may_enter(tmp_path: Path) -> None:
    data_dir = tmp_path / ("d" * 120)
    sockets = postmaster.Place(data_dir / "postgres").sockets
    sockets.mkdir()
    sockets.chmod(0o777)
    try:
        assert "is not a private folder" in refusal(data_dir)
    finally:
        sockets.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_nobody_may_open_what_root_may(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("opened")
    secret.chmod(0o600)
    tmp_path.chmod(0o700)
    script = (
        "from ticketdesk.postmaster import become_nobody\n"
        "import os, subprocess, sys\n"
        "become_nobody()\n"
        "print(os.geteuid(), flush=True)\n"
        "subprocess.run(['cat', sys.argv[1]], check=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, secret], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{postmaster.NOBODY}\nopened"
