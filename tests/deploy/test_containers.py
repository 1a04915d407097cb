"""The Dockerfile and docker-compose.yml, as far as they can be judged without an engine."""

import re
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from config import ROOT
from tests.conftest import SETTINGS
from tests.deploy import recipe

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# What the tools of the image read, and not the desk.
OTHERS = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "FLASK_APP", "TMPDIR"}


def admitted(path: str) -> bool:
    """Whether .dockerignore, which names what is let in, lets this path of the checkout in."""
    rules = (ROOT / ".dockerignore").read_text().split("\n")
    named = {PurePosixPath(rule[1:]) for rule in rules if rule.startswith("!")}
    return bool(named & {PurePosixPath(path), *PurePosixPath(path).parents})


def known(name: str) -> bool:
    return name in SETTINGS.keys() | OTHERS or SETTINGS.get(name.removesuffix("_FILE"), False)


# The image.


def test_every_file_that_the_image_takes_exists_and_is_let_in() -> None:
    sources = [source for stage in ("build", "proxy") for sources, _ in recipe.copies(stage) for source in sources]

    assert {"config.py", "wsgi.py", "migrations", "ticketdesk", "requirements.txt"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists() or not admitted(source)] == []


@pytest.mark.parametrize("path", [".env", ".git/config", "var/secret_key", ".venv/bin/python", "tests/conftest.py"])
def test_what_the_image_must_not_hold_is_kept_out_of_the_build(path: str) -> None:
    assert (ROOT / ".dockerignore").read_text().split("\n")[1] == "*"
    assert not admitted(path)


def test_the_packages_are_those_of_the_lock_without_compilers_and_without_a_database() -> None:
    (install,) = (step.rest for step in recipe.stages()["build"] if "pip --python" in step.rest)

    assert "--require-hashes --only-binary :all: -r /tmp/requirements.txt" in install
    assert "embedded" not in recipe.TEXT
    assert "apt-get" not in recipe.TEXT


def test_the_image_takes_what_another_stage_built_and_runs_without_rights() -> None:
    steps = recipe.stages()["desk"]
    words = [step.word for step in steps]

    assert all("--from=build" in step.options for step in steps if step.word == "COPY")
    assert recipe.one("desk", "USER").rest == "10001:10001"
    assert "--uid 10001" in next(step.rest for step in steps if "useradd" in step.rest)
    assert words.index("USER") < words.index("CMD")
    assert recipe.one("proxy", "USER").rest != "root"


def test_both_images_say_whether_they_are_well() -> None:
    assert "/healthz" in " ".join(recipe.probe())
    assert "/healthz" in recipe.one("proxy", "HEALTHCHECK").rest


def test_the_image_sets_nothing_that_the_desk_does_not_know() -> None:
    names = {argument.partition("=")[0] for argument in recipe.one("desk", "ENV").arguments}

    assert [name for name in names if not known(name)] == []


# The services.


def test_the_services_start_in_order() -> None:
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    done, well = "service_completed_successfully", "service_healthy"

    assert waits == {
        "secrets": {},
        "db": {"secrets": done},
        "migrate": {"secrets": done, "db": well},
        "web": {"migrate": done},
        "worker": {"migrate": done},
        "nginx": {"web": well},
    }


def test_what_runs_on_is_started_again_and_what_runs_once_is_not() -> None:
    assert {name for name, service in SERVICES.items() if service.get("restart") == "unless-stopped"} == {
        *("db", "web", "worker", "nginx")
    }


def test_only_nginx_can_be_reached_from_outside() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "nginx": ["${HTTP_PORT:-3000}:8080"]
    }


def test_the_desk_is_built_once_and_never_fetched() -> None:
    users = {name for name, service in SERVICES.items() if service["image"] == "ticketdesk"}

    assert users == {"secrets", "migrate", "web", "worker"}
    assert [name for name in users if "build" in SERVICES[name]] == ["secrets"]
    assert {service.get("pull_policy") for service in SERVICES.values()} == {"never", None}
    assert SERVICES["db"]["image"] == "postgres:18"


def test_no_service_keeps_rights_that_it_does_not_need() -> None:
    for service in SERVICES.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
    assert {name: service["cap_add"] for name, service in SERVICES.items() if "cap_add" in service} == {
        "secrets": ["CHOWN"],
        "db": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"],
    }
    assert [name for name, service in SERVICES.items() if not service.get("read_only")] == ["db"]


def test_the_database_keeps_its_data_where_version_18_has_it() -> None:
    assert "database:/var/lib/postgresql" in SERVICES["db"]["volumes"]
    assert set(COMPOSE["volumes"]) == {"database", "files", "secrets"}


def test_files_lie_in_a_volume_that_web_and_worker_share_and_wait_on_a_disk() -> None:
    for name in ("web", "worker"):
        service = SERVICES[name]
        assert "files:/var/lib/ticketdesk" in service["volumes"]
        assert service["environment"]["TICKETDESK_DATA"] == service["environment"]["TMPDIR"] == "/var/lib/ticketdesk"
    # The volume takes over the rights of the folder in the image.
    assert any("/var/lib/ticketdesk --create-home" in step.rest for step in recipe.stages()["desk"])
    (waiting,) = SERVICES["nginx"]["volumes"]
    assert any(f"-o 101 -g 101 -m 700 {waiting}" in step.rest for step in recipe.stages()["proxy"])
    assert f"client_body_temp_path {waiting}/" in (ROOT / "deploy" / "nginx.conf").read_text()


def test_secrets_are_read_from_the_volume_and_stand_nowhere_else() -> None:
    for name in ("migrate", "web", "worker"):
        environment = SERVICES[name]["environment"]
        assert environment["SECRET_KEY_FILE"] == "/secrets/secret_key"
        assert environment["DATABASE_URL"] == "postgresql://ticketdesk@db/ticketdesk?passfile=/secrets/pgpass"
        assert not {"SECRET_KEY", "GEMINI_API_KEY"} & set(environment)
        assert "secrets:/secrets:ro" in SERVICES[name]["volumes"]
    assert SERVICES["db"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/secrets/postgres_password"
    assert "POSTGRES_PASSWORD" not in SERVICES["db"]["environment"]


def test_the_services_set_nothing_that_the_desk_does_not_know() -> None:
    for name in ("migrate", "web", "worker"):
        service = SERVICES[name]
        assert [setting for setting in service["environment"] if not known(setting)] == []
        assert service["env_file"] == [{"path": ".env", "required": False}]
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert asked - SETTINGS.keys() == {"HTTP_PORT"}
