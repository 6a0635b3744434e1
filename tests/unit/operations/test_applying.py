"""What applying a file does to the registry, on a SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr
from typing_extensions import override

from shared.adapters.sql.store import SqlStore, open_store
from shared.config import Configuration
from shared.model.errors import ConfigurationError, MailferryError
from shared.model.sealed import Sealed, SecretName
from shared.model.spec import Kind, Manager, Spec
from shared.operations import applying
from shared.operations.applying import Action, Applied, Applier
from shared.ports.store import ANY, RevisionConflict, SpecChange
from tests.fakes.clock import ManualClock
from tests.fakes.configuration import TARGET, WHOLE, ConfigurationFile, account
from tests.fakes.database import write_empty_database
from tests.fakes.registry import OpenBox

CATCHALL = "acme/catchall"
ADDED, CHANGED, DISABLED, REMOVED = Action.ADDED, Action.CHANGED, Action.DISABLED, Action.REMOVED
ACCOUNT, TARGETS, TENANT = Kind.ACCOUNT, Kind.TARGET, Kind.TENANT
LIMIT = '[[tenants]]\nname = "acme"\nmax_accounts = 1\n'


def accounts(number: int) -> str:
    one = account().removeprefix(TARGET)
    return TARGET + "".join(one.replace("catchall", f"box{each:06d}") for each in range(number))


class CountingStore:
    """A registry that counts its writes and notes how large they are."""

    def __init__(self, store: SqlStore) -> None:
        self._registry = store.registry
        self.written: list[int] = []
        self.before_saving: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)

    async def save_specs(self, changes: Sequence[SpecChange], now: float) -> int:
        await self.before_saving()
        self.written.append(len(changes))
        return await self._registry.save_specs(changes, now)

    async def remove_specs(self, kind: Kind, expected: Mapping[str, int], now: float) -> int:
        self.written.append(len(expected))
        return await self._registry.remove_specs(kind, expected, now)


class OtherBox(OpenBox):
    """A box whose key is another one."""

    @override
    def open(self, name: SecretName, sealed: Sealed) -> SecretStr:
        if sealed.key != "other":
            raise MailferryError("the key is lost")
        return super().open(name, sealed)

    @override
    def seal(self, name: SecretName, secret: SecretStr) -> Sealed:
        return Sealed("other", super().seal(name, secret).data)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    write_empty_database(tmp_path / "mailferry.db")
    store = open_store(f"sqlite://{tmp_path}/mailferry.db")
    yield store
    await store.close()


class Files:
    """Applies texts as the content of one file, or of another one beside it."""

    def __init__(self, directory: Path, store: SqlStore) -> None:
        self.directory = directory
        self.store = store
        self.counting = CountingStore(store)
        self.box = OpenBox()

    def load(self, text: str, name: str = "mailferry.toml") -> Configuration:
        file = ConfigurationFile(self.directory)
        file.path = self.directory / name
        return file.load(text)

    async def apply(
        self, text: str, name: str = "mailferry.toml", *, prune: bool = False, dry_run: bool = False
    ) -> set[Applied]:
        applier = Applier(self.counting, self.box, ManualClock())  # type: ignore[arg-type] # it is one
        self.counting.written.clear()
        return {*await applier.apply(self.load(text, name), prune=prune, dry_run=dry_run)}

    async def spec(self, name: str = CATCHALL, kind: Kind = ACCOUNT) -> Spec:
        (found,) = await self.store.registry.specs(kind, [name])
        return found


@pytest.fixture
def files(tmp_path: Path, store: SqlStore) -> Files:
    return Files(tmp_path, store)


async def test_a_new_file_adds_all_of_it_and_the_same_file_nothing(files: Files) -> None:
    assert await files.apply(LIMIT + WHOLE) == {
        Applied(ADDED, TENANT, "acme"),
        Applied(ADDED, TARGETS, "exchange"),
        Applied(ADDED, ACCOUNT, CATCHALL),
    }
    assert await files.apply(LIMIT + WHOLE) == set()
    assert files.counting.written == []
    (lease,) = await files.store.fetcher.lease_due("me", 2e9, 3e9, 10)
    assert lease.fence.account == CATCHALL


async def test_the_progress_of_applying_is_told_in_portions(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "AT_ONCE", 2)
    told: list[tuple[str, int, int]] = []
    box, clock = files.box, ManualClock()
    applier = Applier(files.store.registry, box, clock, lambda *step: told.append(step))
    await applier.apply(files.load(accounts(3)))
    assert told == [(step, done, 4) for step in (applying.COMPARED, applying.SAVED) for done in (2, 4)]


async def test_a_change_names_its_keys_and_tells_no_secret(files: Files) -> None:
    await files.apply(WHOLE)
    changed = account('poll = "5m"', without=("password",)) + 'password = "another"\n'
    assert await files.apply(changed) == {Applied(CHANGED, ACCOUNT, CATCHALL, ("password", "poll"))}
    spec = await files.spec()
    assert "password" not in spec.keys
    assert files.box.open(SecretName("account", CATCHALL, "password"), spec.secrets["password"]) == SecretStr(
        "another"
    )


async def test_a_secret_that_left_the_file_leaves_the_registry(files: Files) -> None:
    await files.apply(WHOLE)
    (files.directory / "password").touch(mode=0o600)
    (files.directory / "password").write_text("in a file")
    await files.apply(account('password_file = "password"', without=("password",)))
    assert (await files.spec()).secrets == {}


async def test_what_left_the_file_is_disabled_and_comes_back(files: Files) -> None:
    await files.apply(WHOLE)
    assert await files.apply(TARGET) == {Applied(DISABLED, ACCOUNT, CATCHALL)}
    assert await files.apply(TARGET) == set()
    spec = await files.spec()
    assert (spec.enabled, spec.removed_at) == (False, None)
    assert await files.store.fetcher.lease_due("me", 2e9, 3e9, 10) == []
    assert await files.apply(WHOLE) == {Applied(CHANGED, ACCOUNT, CATCHALL)}
    assert len(await files.store.fetcher.lease_due("me", 2e9, 3e9, 10)) == 1


async def test_prune_removes_what_left_the_file(files: Files) -> None:
    await files.apply(LIMIT + WHOLE)
    assert await files.apply("", prune=True) == {
        Applied(REMOVED, ACCOUNT, CATCHALL),
        Applied(REMOVED, TARGETS, "exchange"),
        Applied(REMOVED, TENANT, "acme"),
    }
    assert (await files.spec()).removed_at is not None
    assert await files.apply("", prune=True) == set()
    assert await files.apply(WHOLE) == {
        Applied(ADDED, TARGETS, "exchange"),
        Applied(ADDED, ACCOUNT, CATCHALL),
    }


async def test_a_dry_run_shows_the_same_and_writes_nothing(files: Files) -> None:
    for before, after, prune in ((WHOLE, TARGET, False), (WHOLE, "", True), ("", WHOLE, False)):
        await files.apply(before)
        shown = await files.apply(after, prune=prune, dry_run=True)
        assert shown
        assert files.counting.written == []
        assert await files.apply(after, prune=prune) == shown


async def test_another_file_takes_an_account_over_and_the_first_leaves_it_alone(files: Files) -> None:
    await files.apply(WHOLE)
    assert await files.apply(WHOLE, "other.toml") == {
        Applied(CHANGED, TARGETS, "exchange"),
        Applied(CHANGED, ACCOUNT, CATCHALL),
    }
    assert await files.apply("", prune=True) == set()
    spec = await files.spec()
    assert (spec.enabled, spec.origin) == (True, str(files.directory / "other.toml"))


async def test_a_file_is_known_by_its_absolute_path(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    await files.apply(WHOLE)
    monkeypatch.chdir(files.directory)
    files.directory = Path()
    assert await files.apply(WHOLE) == set()


@pytest.mark.parametrize(("by", "told"), [(Manager.API, "the API"), (Manager.COMMAND, "the command line")])
async def test_what_somebody_else_manages_is_refused_and_nothing_written(
    files: Files, by: Manager, told: str
) -> None:
    await files.apply(WHOLE)
    spec = await files.spec()
    taken = SpecChange(
        spec.kind, spec.id, spec.tenant, spec.keys, True, by, "ann", spec.revision, target=spec.target
    )
    await files.store.registry.save_specs([taken], 1.0)
    with pytest.raises(ConfigurationError, match=f'account "{CATCHALL}" is managed by {told}'):
        await files.apply(WHOLE.replace("mail.corp", "moved.corp"))
    assert files.counting.written == []
    assert await files.apply("", prune=True) == {Applied(REMOVED, TARGETS, "exchange")}


async def test_a_lost_key_has_the_secrets_sealed_again(files: Files) -> None:
    await files.apply(WHOLE)
    files.box = OtherBox()
    assert await files.apply(WHOLE) == {Applied(CHANGED, ACCOUNT, CATCHALL, ("password",))}
    assert (await files.spec()).secrets["password"].key == "other"
    assert await files.apply(WHOLE) == set()


async def test_a_tenant_with_too_many_accounts_is_refused(files: Files) -> None:
    with pytest.raises(ConfigurationError, match=r'tenant "acme" has 2 accounts and may have 1'):
        await files.apply(LIMIT + accounts(2))
    assert files.counting.written == []


async def test_accounts_that_others_manage_count_towards_the_limit_of_the_tenant(files: Files) -> None:
    await files.apply(TARGET)
    other = SpecChange(ACCOUNT, "acme/api", "acme", {}, True, Manager.API, "ann", ANY, target="exchange")
    await files.store.registry.save_specs([other], 1.0)
    told = 'tenant "acme" has 2 accounts, 1 of them not of this file, and may have 1'
    with pytest.raises(ConfigurationError, match=told):
        await files.apply(LIMIT + WHOLE)


async def test_a_change_of_somebody_else_meanwhile_is_compared_anew(files: Files) -> None:
    await files.apply(WHOLE)
    others = [await files.spec()]

    async def change_once() -> None:
        while others:
            spec = others.pop()
            other = SpecChange(
                spec.kind,
                spec.id,
                spec.tenant,
                spec.keys,
                False,
                spec.managed_by,
                spec.origin,
                spec.revision,
                target=spec.target,
            )
            await files.store.registry.save_specs([other], 1.0)

    files.counting.before_saving = change_once
    await files.apply(account('poll = "5m"'))
    spec = await files.spec()
    assert (spec.enabled, spec.keys["poll"]) == (True, "5m")


async def test_who_never_gets_through_is_told(files: Files) -> None:
    await files.apply(WHOLE)

    async def conflict() -> None:
        raise RevisionConflict([CATCHALL])

    files.counting.before_saving = conflict
    with pytest.raises(RevisionConflict):
        await files.apply(account('poll = "5m"'))


async def test_two_processes_that_apply_one_file_at_once_both_get_through(
    files: Files, tmp_path: Path
) -> None:
    configuration = files.load(accounts(20))
    appliers = [Applier(files.store.registry, files.box, ManualClock()) for _ in range(2)]
    await asyncio.gather(*(each.apply(configuration) for each in appliers))
    assert await files.store.registry.count_specs(ACCOUNT) == 20


async def test_many_objects_are_written_in_portions(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "AT_ONCE", 4)
    await files.apply(accounts(10))
    assert files.counting.written == [4, 4, 3]
    await files.apply(TARGET)
    assert files.counting.written == [4, 4, 2]
    await files.apply("", prune=True)
    assert files.counting.written == [4, 4, 2, 1]


async def test_a_pass_that_was_killed_between_two_portions_is_finished_by_the_next(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "AT_ONCE", 4)
    portions = [None, None]

    async def die_later() -> None:
        if not portions:
            raise KeyboardInterrupt
        portions.pop()

    files.counting.before_saving = die_later
    with pytest.raises(KeyboardInterrupt):
        await files.apply(accounts(10))
    names = [each.id for each in await files.store.registry.list_specs(ACCOUNT, "", 99)]
    found = await files.store.registry.specs(ACCOUNT, names)
    assert len(found) == 7
    assert all(each.secrets for each in found), "no half account"
    portions += [None] * 9
    assert len(await files.apply(accounts(10))) == 3
    assert await files.apply(accounts(10)) == set()
