"""The files for Docker Compose: hardened services, pinned images, secrets and settings that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.__main__ import AllCommands
from services.control.server import check_exposure
from shared.config import from_mapping
from shared.config.environment import PREFIX
from shared.config.settings import SECTIONS
from shared.runtime.run_services import STOP_DEADLINE
from shared.secrets.keys import parse_keys
from tests.fakes.command import REPOSITORY

COMPOSE = REPOSITORY / "deploy" / "compose"
FILES = {
    name: yaml.safe_load((COMPOSE / name).read_text()) for name in ("compose.yaml", "compose.single.yaml")
}
OURS = [
    (name, service, spec)
    for name, file in FILES.items()
    for service, spec in file["services"].items()
    if "MAILFERRY_IMAGE" in spec["image"]
]


def ids(case: Any) -> str:
    return case if isinstance(case, str) else ""


def called_by(spec: Any) -> set[str]:
    """The commands of `mailferry` that a container runs."""
    if "entrypoint" not in spec:
        return {spec["command"][0]}
    return set(re.findall(r"mailferry ([a-z-]+)", spec["command"][0]))


@pytest.mark.parametrize(("name", "service", "spec"), OURS, ids=ids)
def test_each_of_our_containers_may_do_as_little_as_possible(name: str, service: str, spec: Any) -> None:
    assert spec["read_only"] is True
    assert spec["user"] == "10001:10001"
    assert spec["cap_drop"] == ["ALL"]
    assert spec["security_opt"] == ["no-new-privileges:true"]
    assert spec["pids_limit"]
    assert float(spec["stop_grace_period"].removesuffix("s")) > STOP_DEADLINE
    assert "ports" not in spec or all(port.startswith("127.0.0.1:") for port in spec["ports"])


@pytest.mark.parametrize(("name", "service", "spec"), OURS, ids=ids)
def test_commands_and_settings_of_a_container_exist(name: str, service: str, spec: Any) -> None:
    assert called_by(spec) <= set(AllCommands.places)
    for variable in spec["environment"]:
        section, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
        assert variable == "MAILFERRY_CONFIG" or (separator and key in SECTIONS[section].model_fields)


def test_every_service_has_a_container_and_accounts_come_into_the_database_before_it_starts() -> None:
    services = FILES["compose.yaml"]["services"]
    assert {"fetcher", "router", "relay", "control"} <= set(services)
    prepare = services["prepare"]
    assert prepare["command"] == ["mailferry db upgrade && mailferry topology apply && mailferry apply"]
    for name in ("fetcher", "router", "relay", "control"):
        assert services[name]["depends_on"]["prepare"] == {"condition": "service_completed_successfully"}


def test_every_process_has_the_key_of_the_passwords_in_the_database() -> None:
    ours = [spec for name, _, spec in OURS if name == "compose.yaml"]
    assert len(ours) == 5
    for spec in ours:
        assert spec["environment"]["MAILFERRY_SECRETS__KEY_FILE"] == "/run/secrets/secrets_key"
        assert "secrets_key" in spec["secrets"]


@pytest.mark.parametrize(
    ("name", "service"), [("compose.yaml", "control"), ("compose.single.yaml", "mailferry")]
)
def test_the_api_starts_with_what_it_is_given_and_is_reached_from_this_machine(
    name: str, service: str
) -> None:
    spec = FILES[name]["services"][service]
    environ = {
        variable: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
        for variable, value in spec["environment"].items()
        if "CONTROL" in variable
    }
    servers = {"store": {"url": "sqlite:m.db"}, "broker": {"url": "memory:"}, "blobs": {"url": "file:blobs"}}
    settings = from_mapping(servers, environ, Path("/")).control
    check_exposure(settings, name)
    assert settings.listen is not None
    assert f"127.0.0.1:{settings.listen.port}:{settings.listen.port}" in spec["ports"]
    assert settings.url == f"http://127.0.0.1:{settings.listen.port}"


@pytest.mark.parametrize("name", FILES)
def test_a_service_waits_for_what_it_needs_and_tells_when_it_is_ready(name: str) -> None:
    for service, spec in FILES[name]["services"].items():
        assert spec["healthcheck"].get("test") or spec["healthcheck"] == {"disable": True}
        for needed, how in spec.get("depends_on", {}).items():
            assert needed in FILES[name]["services"]
            assert how["condition"] in ("service_healthy", "service_completed_successfully"), service


@pytest.mark.parametrize("name", FILES)
def test_images_can_be_pinned_and_nothing_is_unnamed(name: str) -> None:
    file = FILES[name]
    example = (COMPOSE / ".env.example").read_text()
    for spec in file["services"].values():
        match = re.fullmatch(r"\$\{(\w+):-(.+:.+)\}", spec["image"])
        assert match is not None
        assert f"{match[1]}={match[2]}\n" in example
        assert not match[2].endswith(":latest")
        for mount in spec.get("volumes", ()):
            source = mount.split(":")[0]
            assert source.startswith(".") or source in file["volumes"]


def test_secrets_and_configurations_are_files_that_exist_or_are_made(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "deploy" / "rabbitmq", tmp_path / "rabbitmq")
    (tmp_path / "compose").mkdir()
    shutil.copy(COMPOSE / "make-secrets", tmp_path / "compose")
    command = tmp_path / "compose" / "make-secrets"
    subprocess.run([command], check=True)
    assert (tmp_path / "compose" / "secrets").stat().st_mode & 0o077 == 0, "other users are kept out"
    made = {path.name: path.read_text() for path in (tmp_path / "compose" / "secrets").iterdir()}
    subprocess.run([command], check=True)
    again = {path.name: path.read_text() for path in (tmp_path / "compose" / "secrets").iterdir()}
    assert again == made, "a second time changes nothing"
    for each in FILES["compose.yaml"]["secrets"].values():
        assert Path(each["file"]).name in made
    for each in FILES["compose.yaml"]["configs"].values():
        assert (COMPOSE / each["file"]).exists()
    assert len(parse_keys(made["secrets_key"])) == 1
    definitions = json.loads(made["rabbitmq_definitions.json"])
    password = definitions["users"][0]["password"]
    assert len(password) == 48
    assert made["broker_url"] == f"amqp://mailferry:{password}@rabbitmq/mailferry"
    assert made["store_url"] == f"postgresql://mailferry:{made['postgres_password']}@postgres/mailferry"
