"""`mailferry secrets`: keys are made, shown and changed by the command, and a kill loses no secret."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from services.cli.__main__ import main
from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.store import open_store
from shared.model.sealed import SecretName
from shared.ports.store import SealedSecret
from shared.runtime.secret_keys import read_key_file
from shared.secrets.keys import SecretKeys
from shared.secrets.sealing import NONCE_OCTETS, seal, unseal
from tests.fakes.command import Ended
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import configuration

SECRETS = {f"acme/{number}": f"canary {number}" for number in range(1200)}
"""More than two batches."""


def name(id_: str) -> SecretName:
    return SecretName("account", id_, "password")


def keys_in(file: Path) -> SecretKeys:
    current, *older = read_key_file(file)
    return SecretKeys(current, tuple(older))


def put_secrets(url: str, keys: SecretKeys) -> None:
    rows = [
        SealedSecret(name(id_), seal(keys, name(id_), SecretStr(text), number.to_bytes(NONCE_OCTETS, "big")))
        for number, (id_, text) in enumerate(SECRETS.items())
    ]

    async def put() -> None:
        store = open_store(url)
        try:
            await store.secrets.put_secrets(rows, 100.0)
        finally:
            await store.close()

    asyncio.run(put())


def read_secrets(url: str, keys: SecretKeys) -> tuple[dict[str, str], set[str]]:
    """All secrets in clear, and the ids of the keys under which they are sealed."""

    async def read() -> tuple[dict[str, str], set[str]]:
        store = open_store(url)
        try:
            rows = await store.secrets.sealed_secrets("account", list(SECRETS))
        finally:
            await store.close()
        texts = {id_: unseal(keys, name(id_), each).get_secret_value() for (id_, _), each in rows.items()}
        return texts, {each.key for each in rows.values()}

    return asyncio.run(read())


def call(ferry: Ferry, *arguments: str) -> Ended:
    """Run a command in this process, which is quicker than one of its own."""
    result = CliRunner().invoke(main, [*arguments, "-c", str(ferry.path)])
    return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def ferry(tmp_path: Path) -> Ferry:
    return Ferry(tmp_path, configuration([], target=1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mailferry.db.key"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/mailferry.db"


@pytest.mark.kill
@pytest.mark.parametrize("step", ["secrets.key-in-use", "secrets.resealed"])
def test_a_rotation_that_is_killed_leaves_every_secret_readable_and_is_finished_by_the_next_one(
    ferry: Ferry, file: Path, url: str, step: str
) -> None:
    assert call(ferry, "secrets", "init").code == 0
    put_secrets(url, keys_in(file))
    (old,) = read_key_file(file)
    assert ferry.call("secrets", "rotate", MAILFERRY_DIE_AT=step).code == -signal.SIGKILL
    assert read_secrets(url, keys_in(file))[0] == SECRETS
    new, *_ = read_key_file(file)
    assert read_key_file(file) == (new, old)
    done = call(ferry, "secrets", "rotate")
    assert done.code == 0
    assert f"sealed anew under the key {new.id}." in done.out
    assert f"No secret needs {old.id} ({file}) any more." in done.out
    assert read_secrets(url, keys_in(file)) == (SECRETS, {new.id})


def test_the_first_start_makes_the_key_and_a_rotation_goes_on_beside_it(
    ferry: Ferry, file: Path, url: str
) -> None:
    with ferry:
        running = ferry.start().ready()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        (old,) = read_key_file(file)
        put_secrets(url, keys_in(file))
        done = call(ferry, "secrets", "rotate")
        assert (done.code, done.err) == (0, "")
        assert f"1200 secrets sealed anew under the key {read_key_file(file)[0].id}" in done.out
        assert running.terminate() == 0
        assert ferry.start().ready().terminate() == 0
    assert read_key_file(file)[1] == old
    texts, sealed_under = read_secrets(url, keys_in(file))
    assert (texts, sealed_under) == (SECRETS, {read_key_file(file)[0].id})


def test_two_first_starts_at_once_agree_on_one_key(ferry: Ferry, file: Path) -> None:
    with ferry:
        commands = [ferry.start("once") for _ in range(2)]
        for each in commands:
            each.ended()
    assert len(read_key_file(file)) == 1
    assert not list(file.parent.glob(".*.key.*"))


def test_a_start_without_its_key_is_refused_and_makes_no_other(ferry: Ferry, file: Path, url: str) -> None:
    assert call(ferry, "secrets", "init").code == 0
    put_secrets(url, keys_in(file))
    file.rename(file.with_name("backup"))
    for command in (["once"], ["secrets", "init"]):
        ended = call(ferry, *command)
        assert ended.code == 1
        assert f"mailferry: the key file {file} is missing" in ended.err
        assert "1200 in all" in ended.err
    status = call(ferry, "secrets", "status", "-o", "json")
    assert status.code == 1
    assert [(row["role"], row["secrets"]) for row in json.loads(status.out)] == [("missing", 1200)]
    assert not file.exists()
    file.with_name("backup").rename(file)
    assert call(ferry, "once").code == 0


def test_a_key_is_made_once_and_shown_without_itself(ferry: Ferry, file: Path) -> None:
    assert "There is no key yet" in call(ferry, "secrets", "status").out
    made = call(ferry, "secrets", "init")
    (key,) = read_key_file(file)
    assert (made.code, made.err) == (0, "")
    assert f"Key {key.id} is in {file}." in made.out
    again = call(ferry, "secrets", "init")
    assert again.code == 1
    assert "exists already, and is left as it is" in again.err
    status = call(ferry, "secrets", "status")
    assert status.code == 0
    assert key.id in status.out
    shown = [made, again, status, call(ferry, "secrets", "rotate"), call(ferry, "config", "show")]
    assert not [each for each in shown if key.written.get_secret_value()[:8] in each.out + each.err]


def test_with_postgresql_the_key_is_made_by_init_and_reaches_other_machines_before_it_is_used(
    tmp_path: Path, postgres_url: str
) -> None:
    upgrade(postgres_url)
    file = tmp_path / "secrets.key"

    def machine(directory: str, *lines: str) -> Ferry:
        (tmp_path / directory).mkdir(exist_ok=True)
        servers = f'store.url = "{postgres_url}"\nbroker.url = "memory:"'
        text = configuration([], servers="\n".join([servers, *lines]), target=1)
        return Ferry(tmp_path / directory, text, key=False)

    def said(ferry: Ferry, *command: str) -> str:
        ended = call(ferry, "secrets", *command)
        assert (ended.code, ended.err) == (0, "")
        return ended.out

    unset = said(machine("here"), "init")
    assert f'[secrets]\nkey_file = "{tmp_path}/here/secrets.key"' in unset
    assert "Copy it to every other machine" in unset
    here = machine("here", f'secrets.key_file = "{file}"')
    said(here, "init")
    (old,) = read_key_file(file)
    put_secrets(postgres_url, keys_in(file))
    prepared = said(here, "rotate")
    assert read_key_file(file)[0] == old
    fresh = read_key_file(file)[1]
    assert prepared.rstrip().endswith(f"mailferry secrets rotate --use {fresh.id}")
    copied = tmp_path / "there.key"
    copied.write_bytes(file.read_bytes())
    assert f"1200 secrets sealed anew under the key {fresh.id}." in said(here, "rotate", "--use", fresh.id)
    assert read_secrets(postgres_url, keys_in(copied)) == (SECRETS, {fresh.id})
    there = machine("there", f'secrets.key_file = "{copied}"')
    rows: Sequence[dict[str, object]] = json.loads(said(there, "status", "-o", "json"))
    assert [(row["id"], row["role"], row["secrets"]) for row in rows] == [
        (old.id, "current", 0),
        (fresh.id, "older", 1200),
    ]
