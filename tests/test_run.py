"""The `run` script, and the sentences with which a start is refused."""

import ast
import hashlib
import importlib.util
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import psycopg
import pytest
from packaging.requirements import Requirement

from config import ROOT
from tests.conftest import SECRET_KEY, SETTINGS
from tests.processes.watch import free_port
from ticketdesk import embedded, supervise

RUN = ROOT / "run"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, RUN, *arguments], capture_output=True, text=True, check=False)


def test_bare_it_lists_its_tasks() -> None:
    listed = run()
    assert listed.returncode == 0
    for task in ("up", "test", "check", "demo", "doctor", "flask", "format", "lock"):
        assert re.search(rf"^  {task} +\w.+$", listed.stdout, re.MULTILINE)


def test_an_unknown_task_is_told_the_known_ones() -> None:
    refused = run("dance")
    assert refused.returncode == 1
    assert "no task 'dance'" in refused.stderr
    assert "doctor" in refused.stderr


def test_an_older_python_can_read_it_and_is_told_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    ast.parse(RUN.read_text(), feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 8, 20, "final", 0))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, but this is Python 3\.8"):
        runpy.run_path(str(RUN))


def test_the_locks_hold_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for lock, wanted in {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-dev.txt": project["dependency-groups"]["dev"],
        "requirements-embedded.txt": project["dependency-groups"]["embedded"],
    }.items():
        locked: dict[str, str] = dict(
            re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)
        )
        for requirement in map(Requirement, wanted):
            assert locked.get(requirement.name, "") in requirement.specifier, f"{requirement} is not in {lock}"


def test_every_setting_is_described() -> None:
    described = re.findall(r"^# ([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(described) == sorted({*SETTINGS, "TICKETDESK_PG_BIN"})


@pytest.fixture
def checkout(tmp_path: Path) -> ModuleType:
    """The script in a checkout of its own, whose only dependency is a package made here."""
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "requirements.txt").write_text(f"tiny @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    script = shutil.copy(RUN, tmp_path / "run")
    loader = SourceFileLoader("run_in_a_checkout", str(script))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_environment_is_made_once_and_begun_anew_after_a_kill(
    checkout: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.prepare("requirements.txt")
    subprocess.run([checkout.PYTHON, "-c", "import tiny"], check=True)
    capsys.readouterr()

    checkout.prepare("requirements.txt")
    assert capsys.readouterr().out == ""

    lock = checkout.ROOT / "requirements.txt"
    good = lock.read_text()
    lock.write_text(re.sub(r"sha256:\w+", f"sha256:{'0' * 64}", good))
    with pytest.raises(checkout.Trouble, match="DO NOT MATCH THE HASHES"):
        checkout.prepare("requirements.txt")
    lock.write_text(good)
    checkout.prepare("requirements.txt")
    assert "Making .venv" not in capsys.readouterr().out

    checkout.GUARD.write_text("cut short")
    checkout.prepare("requirements.txt")
    assert "Making .venv" in capsys.readouterr().out
    subprocess.run([checkout.PYTHON, "-c", "import tiny"], check=True)


def test_a_python_without_venv_names_the_package_to_install(
    checkout: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(checkout.Trouble, match=r"sudo apt install python3\.\d+-venv"):
        checkout.prepare("requirements.txt")


def test_an_operators_own_database_needs_no_embedded_one(checkout: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("TICKETDESK_PG_BIN", raising=False)
    assert checkout.embedded_lock() == ["requirements-embedded.txt"]
    (checkout.ROOT / ".env").write_text("# Ours\nDATABASE_URL='postgresql://db/desk'\n")
    assert checkout.embedded_lock() == []


@pytest.fixture
def refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., str]]:
    """Start the desk with some settings and return the one sentence with which it refuses."""
    handlers = {how: signal.getsignal(how) for how in (signal.SIGTERM, signal.SIGHUP)}

    def start(**settings: str) -> str:
        given = {"TICKETDESK_DATA": str(tmp_path / "var"), "PORT": str(free_port()), "DATABASE_URL": ""}
        for name, value in (given | settings).items():
            monkeypatch.setenv(name, value)
        assert supervise.main() == 1
        said = capsys.readouterr().err
        assert said.startswith("ticketdesk: ")
        assert said.count("\n") == 1
        return said

    yield start
    for how, handler in handlers.items():
        signal.signal(how, handler)


def test_a_bad_setting(refusal: Callable[..., str]) -> None:
    assert "PORT is 'eighty'" in refusal(PORT="eighty")


def test_a_port_in_use_as_people_see_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = {"PORT": str(port), "HOST": "127.0.0.1", "TICKETDESK_DATA": str(tmp_path / "var")}
        refused = subprocess.run(
            [sys.executable, RUN, "up"], env=os.environ | settings, capture_output=True, text=True, check=False
        )
    assert refused.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_address_of_another_machine(refusal: Callable[..., str]) -> None:
    assert "change HOST or PORT" in refusal(HOST="192.0.2.1")


def test_a_data_folder_that_cannot_be_made(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "TICKETDESK_DATA" in refusal(TICKETDESK_DATA=str(tmp_path / "file" / "var"))


def test_a_database_that_cannot_be_reached(refusal: Callable[..., str]) -> None:
    said = refusal(DATABASE_URL=f"postgresql://desk:hidden@127.0.0.1:{free_port()}/desk", SECRET_KEY=SECRET_KEY)
    assert "DATABASE_URL cannot be reached" in said
    assert "Connection refused" in said
    assert "hidden" not in said


def test_a_database_of_a_newer_version(
    refusal: Callable[..., str], cluster: embedded.Cluster, committed_url: str
) -> None:
    name = re.search(r"/(\w+)\?", committed_url)
    assert name is not None
    with psycopg.connect(cluster.dsn(name[1])) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from the future'")
    assert "probably used by a newer one" in refusal(DATABASE_URL=committed_url, SECRET_KEY=SECRET_KEY)
