"""An operator gets a sentence and an exit code for every error, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.cli.__main__ import main
from shared.runtime.single_process_lock import single_process_lock
from tests.fakes.command import Ended, configured, mailferry
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.servers.ports import free_port

COMMANDS = (
    ["run"], ["once"], ["fetcher"], ["router"], ["relay"], ["status"], ["test-login"], ["trace", "x"],
    ["account", "add"],
    ["explain", "/dev/null", "--account", "x"],
    ["parked", "list"], ["parked", "show", "x"], ["parked", "retry", "x"], ["parked", "discard", "x"],
    ["parked", "export", "x"], ["config", "check"], ["config", "show"], ["db", "upgrade"],
    ["secrets", "init"], ["secrets", "status"], ["secrets", "rotate"],
    ["topology", "apply"], ["topology", "check"], ["journal", "verify"], ["journal", "rebuild"],
)  # fmt: skip


def quiet(ended: Ended) -> Ended:
    """Return `ended` after checking that its output has no traceback."""
    assert "Traceback" not in ended.out + ended.err
    return ended


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_refuses_a_bad_configuration_with_its_problems(
    tmp_path: Path, command: list[str]
) -> None:
    path = tmp_path / "mailferry.toml"
    path.write_text("[stroe]\n")
    result = CliRunner().invoke(main, [*command, "-c", str(path)])
    assert (result.exit_code, result.stdout) == (78, "")
    assert result.stderr.startswith(f'{path}:1: unknown section "stroe"')


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(command: list[str]) -> None:
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0
    assert "--config" in result.stdout


@pytest.mark.parametrize("service", ["fetcher", "router", "relay"])
async def test_a_service_alone_needs_rabbitmq_and_postgresql(tmp_path: Path, service: str) -> None:
    ended = quiet(await mailferry(service, "-c", configured(tmp_path, source=1, target=1)))
    assert ended.code == 78
    assert f"{service} as a process of its own needs amqp:// or amqps://, not memory:" in ended.err
    assert f"{service} as a process of its own needs postgresql://, not sqlite:" in ended.err


@pytest.mark.parametrize("command", [["run"], ["once"], ["status"], ["journal", "verify"], ["db", "upgrade"]])
async def test_a_damaged_database_is_a_permanent_failure_with_advice(
    tmp_path: Path, command: list[str]
) -> None:
    path = configured(tmp_path, source=1, target=1)
    _spoil(tmp_path / "mailferry.db")
    ended = quiet(await mailferry(*command, "-c", path))
    assert ended.code == 1
    assert "is damaged: " in ended.err
    assert "restore a backup" in ended.err
    assert "mailferry journal rebuild" in ended.err


def _spoil(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:100] + b"\xa5" * (len(data) - 100))


async def test_a_port_in_use_for_the_health_pages_is_a_temporary_failure(tmp_path: Path) -> None:
    async with Pop3Server({"u": []}) as other:
        path = configured(tmp_path, source=other.port, target=1)
        path.write_text(path.read_text().replace('listen = ""', f'listen = "127.0.0.1:{other.port}"'))
        ended = quiet(await mailferry("run", "-c", path))
    assert ended.code == 75
    assert f"[metrics] listen: 127.0.0.1:{other.port} cannot be used: " in ended.err


async def test_a_source_that_cannot_be_reached_is_reported_and_tried_again_later(tmp_path: Path) -> None:
    port = free_port()
    path = configured(tmp_path, source=port, target=1)
    path.write_text(path.read_text().replace("retries = 1", "retries = 2"))
    ended = quiet(await mailferry("once", "-c", path, "-o", "json"))
    assert ended.code == 75
    (row,) = json.loads(ended.out)
    assert (row["left"], row["why"]) == (None, f"Connecting to 127.0.0.1:{port} failed: Connection refused.")
    told = [line for line in ended.err.splitlines() if "attempt" in line]
    assert told[0].startswith(
        f"acme/inbox: Connecting to 127.0.0.1:{port} failed: Connection refused; attempt 2"
    )
    status = quiet(await mailferry("status", "-c", path, "-o", "json"))
    assert [account["colour"] for account in json.loads(status.out)["accounts"]] == ["red"]


async def test_a_target_that_cannot_be_reached_leaves_the_mail_at_the_source(tmp_path: Path) -> None:
    mail = b"X-Original-To: bob@corp.example\r\n\r\nText\r\n"
    async with Pop3Server({"u": [("uid-1", mail)]}) as source:
        port = free_port()
        path = configured(tmp_path, source=source.port, target=port)
        ended = quiet(await mailferry("once", "-c", path, "-o", "json"))
        assert ended.code == 75
        (row,) = json.loads(ended.out)
        assert (row["left"], row["why"]) == (1, f"Connecting to 127.0.0.1:{port} failed: Connection refused.")
        assert source.deleted("u") == []
        status = quiet(await mailferry("status", "-c", path, "-o", "json"))
        assert [target["colour"] for target in json.loads(status.out)["targets"]] == ["red"]


async def test_login_tests_name_the_step_that_failed_and_what_to_do(tmp_path: Path) -> None:
    wrong = {"PASS": b"-ERR [AUTH] no\r\n", "AUTH": b"-ERR [AUTH] no\r\n"}
    async with Pop3Server({"u": []}, behaviours=dict(wrong)) as source:
        path = configured(tmp_path, source=source.port, target=free_port())
        ended = quiet(await mailferry("test-login", "-c", path, "-o", "json", "-v"))
        assert ended.code == 1
        account, target = json.loads(ended.out)
        assert (account["step"], target["step"]) == ("credentials", "connect")
        assert account["advice"].startswith("Check user name and password")
        assert target["advice"].startswith("Check host and port")
        assert "secret" not in ended.out + ended.err
        assert "acme/inbox C: AUTH" in ended.err


async def test_login_tests_show_what_the_mailbox_holds(tmp_path: Path) -> None:
    async with Pop3Server({"u": [("uid-1", b"mail\r\n")]}) as source, SmtpServer() as target:
        path = configured(tmp_path, source=source.port, target=target.port)
        ended = quiet(await mailferry("test-login", "-c", path))
        assert ended.code == 0
        assert "1 mail in the mailbox" in ended.out
        assert "PIPELINING" in ended.out
        assert "RETR" not in source.verbs()


async def test_a_database_in_use_by_another_process_is_left_alone(tmp_path: Path) -> None:
    path = configured(tmp_path, source=1, target=1)
    async with single_process_lock(tmp_path / "mailferry.db"):
        for command in (["once"], ["run"], ["journal", "rebuild", "--yes"]):
            ended = quiet(await mailferry(*command, "-c", path))
            assert ended.code == 75
            assert "another mailferry works on this database" in ended.err


async def test_the_error_for_a_missing_database_names_the_command_that_creates_it(
    tmp_path: Path,
) -> None:
    path = configured(tmp_path, source=1, target=1, database=False)
    ended = quiet(await mailferry("status", "-c", path))
    assert ended.code != 0
    assert "mailferry db upgrade" in ended.err
    assert (await mailferry("db", "upgrade", "-c", path)).code == 0
    assert (await mailferry("status", "-c", path)).code == 0


async def test_a_missing_directory_is_reported(tmp_path: Path) -> None:
    path = configured(tmp_path, source=1, target=1)
    environ = {"MAILFERRY_STORE__URL": f"sqlite://{tmp_path}/nowhere/mailferry.db"}
    ended = quiet(await mailferry("once", "-c", path, environ=environ))
    assert ended.code == 1
    assert f"the directory {tmp_path}/nowhere of the database does not exist" in ended.err


@pytest.mark.parametrize("command", [["status"], ["once"]], ids=" ".join)
async def test_a_postgresql_that_cannot_be_reached_is_a_temporary_failure(
    tmp_path: Path, command: list[str]
) -> None:
    path = configured(tmp_path, source=1, target=1)
    url = f"postgresql://nobody:geheim@127.0.0.1:{free_port()}/none"
    ended = quiet(await mailferry(*command, "-c", path, environ={"MAILFERRY_STORE__URL": url}))
    assert ended.code == 75
    assert ended.err.startswith("mailferry: ")
    assert "geheim" not in ended.err


@pytest.mark.parametrize("command", ["apply", "check"])
async def test_a_rabbitmq_that_cannot_be_reached_is_a_temporary_failure(tmp_path: Path, command: str) -> None:
    path = configured(tmp_path, source=1, target=1)
    url = f"amqp://nobody:geheim@127.0.0.1:{free_port()}/"
    ended = quiet(await mailferry("topology", command, "-c", path, environ={"MAILFERRY_BROKER__URL": url}))
    assert ended.code == 75
    assert ended.err.startswith("mailferry: ")
    assert "geheim" not in ended.err


async def test_the_error_for_a_postgresql_without_the_schema_names_the_command_that_creates_it(
    tmp_path: Path, postgres_url: str
) -> None:
    path = configured(tmp_path, source=1, target=1)
    environ = {"MAILFERRY_STORE__URL": postgres_url}
    ended = quiet(await mailferry("once", "-c", path, environ=environ))
    assert ended.code == 1
    assert "mailferry db upgrade" in ended.err
    assert (await mailferry("db", "upgrade", "-c", path, environ=environ)).code == 0
    assert (await mailferry("status", "-c", path, environ=environ)).code == 0


def test_a_defect_of_mailferry_is_reported_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh\x1b[31m")

    monkeypatch.setattr("services.cli.config.load", broken)
    result = CliRunner().invoke(main, ["config", "check"])
    assert result.exit_code == 1
    assert "internal error" in result.stderr
    assert "ZeroDivisionError: oh\\x1b[31m" in result.stderr
    result = CliRunner().invoke(main, ["--debug", "config", "check"])
    assert isinstance(result.exception, ZeroDivisionError)
