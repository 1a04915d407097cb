"""The architecture, held: a package imports only what stands to its left, and doors never import each other."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ticketdesk"

LINE = (
    {"core"},
    {"extensions", "liveness"},
    {"reading"},
    {"replica"},
    {"models"},
    {"jobs"},
    {"events"},
    {"accounts"},
    {"attachments"},
    {"search"},
    {"ai"},
    {"tickets"},
    {"mail"},
    {"webhooks"},
    {"reactions"},
    {
        "gate",
        "health",
        "filters",
        "embedded",
        "postmaster",
        "demo",
        "doctor",
        "commands",
        "error_handlers",
        "statics",
        "downloads",
        "live",
        "local_time",
    },
    {"portal", "api", "staff", "cli", "cli_ai"},
    {"create_app"},
    {"supervise"},
)
PLACE = {name: place for place, names in enumerate(LINE) for name in names}
DOORS = {"portal", "api", "staff", "cli", "cli_ai"}
# What doors have in common may touch the request, too.
OF_REQUESTS = DOORS | {"gate", "error_handlers", "extensions", "live", "local_time"}
FLASK_REQUEST = {"request", "session", "g", "flash"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imports(path: Path) -> set[tuple[str, str]]:
    """All (module, name) pairs that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {(node.module, alias.name) for alias in node.names}
    return found


def rooms_imported(path: Path) -> set[str]:
    rooms = set()
    for module, name in imports(path):
        parts = module.split(".")
        if parts[0] != "ticketdesk":
            continue
        rooms.add(parts[1] if len(parts) > 1 else name)
    return rooms


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_stands_to_its_left(path: Path) -> None:
    room = room_of(path)
    assert room in PLACE, f"{room} has no place in the line; give it one in LINE and in ticketdesk/README.md."
    wrong = {
        other
        for other in rooms_imported(path)
        if other != room and (PLACE[other] > PLACE[room] or (other in DOORS and room in DOORS))
    }
    assert not wrong, f"{room} must not import {wrong}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_doors_touch_the_request(path: Path) -> None:
    if room_of(path) in OF_REQUESTS:
        return
    touched = {name for module, name in imports(path) if module == "flask"} & FLASK_REQUEST
    assert not touched


def test_rooms_flush_and_doors_commit() -> None:
    for path in sources():
        if room_of(path) in {
            "accounts",
            "attachments",
            "search",
            "ai",
            "tickets",
            "events",
            "reactions",
            "models",
            "core",
        }:
            assert ".commit()" not in path.read_text(), f"{path} commits; that is the door's to do."


def test_only_the_verbs_write_tickets() -> None:
    """Nothing but the verbs makes a `Ticket` or runs an INSERT, UPDATE or DELETE on its table."""
    verbs = PACKAGE / "tickets" / "service.py"
    for path in sources():
        if path == verbs:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Ticket":
                pytest.fail(f"{path} makes a Ticket by itself.")


@pytest.mark.parametrize(
    ("package", "file"), [("obstore", "s3.py"), ("PIL", "shrink.py"), ("puremagic", "kinds.py")], ids=str
)
def test_what_touches_files_stays_in_one_file(package: str, file: str) -> None:
    users = {path.name for path in sources() if any(module.split(".")[0] == package for module, _ in imports(path))}
    assert users == {file}


def test_the_ended_sdk_stays_in_one_file() -> None:
    users = {path.name for path in sources() if any(module.startswith("google") for module, _ in imports(path))}
    assert users == {"gemini.py"}
