"""Keys are made, shown and changed, and every secret can be read before, meanwhile and afterwards."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr
from typing_extensions import override

from shared.adapters.sql.runner import TransactionRunner
from shared.adapters.sql.secrets import SqlSecretStore
from shared.adapters.sql.store import open_store
from shared.config.configuration import Configuration
from shared.model.sealed import Sealed, SecretName
from shared.operations.context import OperatorContext, open_context
from shared.operations.secrets import BATCH, KeyRole, key_states, make_first_key, rotate_keys
from shared.ports.store import Resealed, SealedSecret
from shared.runtime.secret_keys import (
    KeyRing,
    KeysUnusable,
    new_key,
    open_key_ring,
    read_key_file,
)
from shared.secrets.keys import SecretKeys, written_keys
from shared.secrets.sealing import NONCE_OCTETS, seal, unseal
from tests.fakes.configuration import WHOLE, ConfigurationFile
from tests.fakes.database import write_empty_database

NOW = 100.0


def name(number: int) -> SecretName:
    return SecretName("account", f"acme/{number}", "password")


def sealed(keys: SecretKeys, number: int, text: str) -> SealedSecret:
    nonce = secrets.token_bytes(NONCE_OCTETS)
    return SealedSecret(name(number), seal(keys, name(number), SecretStr(text), nonce))


def no_progress(_done: int, _total: int) -> None:
    """Show nothing."""


class Installation:
    """A database with secrets and their keys, as a running process sees both."""

    def __init__(self, configuration: Configuration, context: OperatorContext, ring: KeyRing) -> None:
        self.configuration = configuration
        self.context = context
        self.ring = ring

    async def set(self, texts: dict[int, str]) -> None:
        keys = self.ring.keys()
        await self.context.secrets.put_secrets([sealed(keys, *each) for each in texts.items()], NOW)

    async def texts(self, count: int) -> dict[int, str]:
        rows = await self.context.secrets.sealed_secrets("account", [name(n).id for n in range(count)])
        keys = self.ring.keys()
        return {
            int(id_.partition("/")[2]): unseal(
                keys, SecretName("account", id_, field), each
            ).get_secret_value()
            for (id_, field), each in rows.items()
        }


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    write_empty_database(tmp_path / "ferry.db")
    return ConfigurationFile(tmp_path).load(WHOLE + '[store]\nurl = "sqlite:ferry.db"\n')


@pytest.fixture
async def here(configuration: Configuration) -> AsyncIterator[Installation]:
    async with open_context(configuration) as context:
        ring = await open_key_ring(configuration.secrets, context.secrets.key_counts)
        assert ring is not None
        yield Installation(configuration, context, ring)


async def test_a_rotation_seals_all_under_a_new_key_that_a_running_process_finds(here: Installation) -> None:
    before = {number: f"secret {number}" for number in range(BATCH + 7)}
    await here.set(before)
    old = here.ring.keys().current
    seen: list[tuple[int, int]] = []
    done = await rotate_keys(here.context, None, lambda *progress: seen.append(progress))
    assert done.resealed == len(before)
    assert await here.context.secrets.key_counts() == {done.key: len(before)}
    assert await here.texts(len(before)) == before
    assert (here.ring.keys().current.id, here.ring.keys().older) == (done.key, (old,))
    assert seen == [(BATCH, len(before)), (len(before), len(before))]
    assert [(each.id, each.place) for each in done.unneeded] == [
        (old.id, str(here.configuration.secrets.key_file))
    ]
    assert (done.needed, done.unreadable, done.is_prepared) == ([], [], False)


async def test_a_rotation_that_was_begun_is_finished_and_makes_no_further_key(here: Installation) -> None:
    await here.set({1: "one", 2: "two"})
    first = await rotate_keys(here.context, None, no_progress)
    old = here.ring.keys().older[0]
    await here.context.secrets.put_secrets([sealed(SecretKeys(old), 3, "three")], NOW)
    second = await rotate_keys(here.context, None, no_progress)
    assert (second.key, second.made_in, second.resealed) == (first.key, None, 1)
    assert await here.texts(4) == {1: "one", 2: "two", 3: "three"}


Write = Callable[[Sequence[SecretName]], Awaitable[None]]


class WrittenMeanwhile(SqlSecretStore):
    """A store whose secrets others change between being read and being sealed anew."""

    def __init__(
        self, runner: TransactionRunner, write: Callable[[Sequence[SecretName]], Awaitable[None]]
    ) -> None:
        super().__init__(runner)
        self._write = write

    @override
    async def reseal(self, resealed: Sequence[Resealed]) -> int:
        await self._write([each.name for each in resealed])
        return await super().reseal(resealed)


@pytest.mark.parametrize("sees_new_key", [True, False])
async def test_secrets_that_are_changed_during_a_rotation_stay_changed_and_readable(
    here: Installation, sees_new_key: bool
) -> None:
    """Every third one is changed just before it is sealed anew. The process that changes it may not have seen
    the new key yet.
    """
    texts = dict.fromkeys(range(40), "first")
    await here.set(texts)
    old = here.ring.keys()
    rounds = count(1)

    async def change(names: Sequence[SecretName]) -> None:
        changed = dict.fromkeys(
            (int(each.id.partition("/")[2]) for each in names[::3]), f"round {next(rounds)}"
        )
        keys = here.ring.keys() if sees_new_key else old
        await here.context.secrets.put_secrets([sealed(keys, *each) for each in changed.items()], NOW)
        texts.update(changed)

    store = open_store(here.configuration.store.url.get_secret_value())
    context = replace(here.context, secrets=WrittenMeanwhile(store.runner, change))
    try:
        await rotate_keys(context, None, no_progress)
    finally:
        await store.close()
    assert next(rounds) > 2 or sees_new_key
    assert await here.texts(40) == texts
    await rotate_keys(here.context, None, no_progress)
    assert await here.texts(40) == texts
    assert (await here.context.secrets.key_counts()).keys() == {here.ring.keys().current.id}


async def test_a_writer_that_knows_only_the_old_key_loses_nothing(here: Installation) -> None:
    old = SecretKeys(here.ring.keys().current)
    await here.set({1: "one", 2: "two"})
    await rotate_keys(here.context, None, no_progress)
    await here.context.secrets.put_secrets([sealed(old, 2, "changed")], NOW)
    states, problem = await key_states(here.context)
    assert [(each.role, each.secrets) for each in states] == [(KeyRole.CURRENT, 1), (KeyRole.OLDER, 1)]
    assert problem is None
    assert await here.texts(3) == {1: "one", 2: "changed"}


async def test_a_secret_that_does_not_open_is_named_and_stops_no_other(here: Installation) -> None:
    await here.set({1: "one", 2: "two", 3: "three"})
    keys = here.ring.keys()
    moved = SealedSecret(name(2), sealed(keys, 1, "one").sealed)
    strange = SealedSecret(name(4), Sealed("elsewhere", b"sealed"))
    await here.context.secrets.put_secrets([moved, strange], NOW)
    change = here.configuration.secrets.key_file
    assert change is not None
    fresh = new_key()
    change.write_text(written_keys([fresh, keys.current]).get_secret_value())
    done = await rotate_keys(here.context, None, no_progress)
    assert (done.key, done.resealed) == (fresh.id, 2)
    assert [each.split(" is ")[0].split(" does ")[0] for each in done.unreadable] == [
        "the password of account acme/2",
        "the password of account acme/4",
    ]
    assert {each.id: each.role for each in done.needed} == {
        keys.current.id: KeyRole.OLDER,
        "elsewhere": KeyRole.MISSING,
    }


async def test_with_postgresql_a_new_key_is_prepared_first_and_used_by_a_second_call(
    here: Installation,
) -> None:
    """Other machines need the file before a secret is sealed under the key."""
    await here.set({1: "one"})
    old = here.ring.keys().current
    elsewhere = ConfigurationFile(here.configuration.document.base).load(
        WHOLE + '[store]\nurl = "postgresql://h/d"\n[secrets]\nkey_file = "ferry.db.key"\n'
    )
    context = replace(here.context, configuration=elsewhere)
    prepared = await rotate_keys(context, None, no_progress)
    assert prepared.is_prepared
    assert here.ring.keys().current == old
    assert here.ring.keys().older[0].id == prepared.key
    assert await here.context.secrets.key_counts() == {old.id: 1}
    length = next(place for place in range(12) if prepared.key[place] != old.id[place]) + 1
    done = await rotate_keys(context, prepared.key[:length], no_progress)
    assert (done.key, done.resealed, done.is_prepared) == (prepared.key, 1, False)
    assert await here.texts(2) == {1: "one"}
    assert here.ring.keys().current.id == prepared.key


async def test_a_key_that_is_not_in_the_file_cannot_be_used(here: Installation) -> None:
    with pytest.raises(KeysUnusable, match="holds no key 0123456789ab"):
        await rotate_keys(here.context, "0123456789ab", no_progress)
    with pytest.raises(KeysUnusable, match="holds no key"):
        await rotate_keys(here.context, "", no_progress)


async def test_a_key_of_the_environment_is_changed_by_the_operator_alone(here: Installation) -> None:
    await here.set({1: "one"})
    old, fresh = here.ring.keys().current, new_key()
    file = ConfigurationFile(here.configuration.document.base)
    text = WHOLE + '[store]\nurl = "sqlite:ferry.db"\n[secrets]\nkey_env = "K"\n'
    same = file.load(text, {"K": old.written.get_secret_value()})
    with pytest.raises(KeysUnusable, match="environment variable K, where Mailferry cannot change it"):
        await rotate_keys(replace(here.context, configuration=same), None, no_progress)
    changed = file.load(f'{text}old_key_files = ["ferry.db.key"]\n', {"K": fresh.written.get_secret_value()})
    context = replace(here.context, configuration=changed)
    done = await rotate_keys(context, None, no_progress)
    assert (done.key, done.resealed) == (fresh.id, 1)
    states, _ = await key_states(context)
    assert [each.place for each in states] == ["$K", str(here.configuration.secrets.key_file)]


async def test_a_key_is_made_only_where_there_is_none(configuration: Configuration) -> None:
    made = await make_first_key(configuration)
    assert [key.id for key in read_key_file(made.file)] == [made.key]
    assert made.is_configured
    with pytest.raises(KeysUnusable, match="exists already, and is left as it is"):
        await make_first_key(configuration)
    assert [key.id for key in read_key_file(made.file)] == [made.key]


async def test_a_key_is_made_before_there_is_a_database(tmp_path: Path) -> None:
    new = ConfigurationFile(tmp_path).load('[store]\nurl = "sqlite:new.db"\n')
    assert (await make_first_key(new)).file == tmp_path / "new.db.key"


async def test_no_key_is_made_beside_secrets_whose_key_is_missing(here: Installation) -> None:
    await here.set({1: "one"})
    file = here.configuration.secrets.key_file
    assert file is not None
    missing = here.ring.keys().current.id
    file.rename(file.with_name("old"))
    with pytest.raises(KeysUnusable, match=f"sealed under {missing}"):
        await make_first_key(here.configuration)
    states, problem = await key_states(here.context)
    assert [(each.id, each.role, each.secrets) for each in states] == [(missing, KeyRole.MISSING, 1)]
    assert "does not exist" in (problem or "")
    text = WHOLE + '[store]\nurl = "sqlite:ferry.db"\n[secrets]\nold_key_files = ["old"]\n'
    known = ConfigurationFile(here.configuration.document.base).load(text)
    assert (await make_first_key(known)).file == file


async def test_before_the_first_start_there_are_no_keys(configuration: Configuration) -> None:
    async with open_context(configuration) as context:
        assert await key_states(context) == ([], None)
