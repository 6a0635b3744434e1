"""The registry as a process sees it: what others change is read, and an object that fails harms no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from shared.config.specs import account_of
from shared.model.errors import MailferryError
from shared.model.spec import Kind, Manager, Spec
from shared.model.tenant import NO_TENANT_LIMITS, TenantLimits
from shared.ports.store import Changes, Extent, StoreUnavailable
from shared.runtime import registry as module
from shared.runtime.registry import LOOK_AT_PROBLEMS_EVERY, LOOK_EVERY, Kept, Registry
from tests.fakes.clock import ManualClock
from tests.fakes.registry import EmptyRegistryStore, OpenBox

BOB = "acme/bob"


def account(name: str = BOB, revision: int = 1, **more: object) -> Spec:
    tenant, _, short = name.partition("/")
    keys = {
        "name": short,
        "tenant": tenant,
        "source": f"pop3s://{short}@pop.isp.example",
        "password_env": "PASSWORD",
        "target": "exchange",
        "mailbox": "single",
        "recipient": "bob@corp.example",
        **more,
    }
    return Spec(Kind.ACCOUNT, name, tenant, keys, True, revision, Manager.API, "", 0, 0, target="exchange")


def target(url: str = "smtp://mail.corp.example:25") -> Spec:
    keys = {"name": "exchange", "url": url}
    return Spec(Kind.TARGET, "exchange", "", keys, True, 1, Manager.API, "", 0, 0)


class Changed(EmptyRegistryStore):
    """A store in which tests change objects. `while_reading` is called in the middle of each reading."""

    def __init__(self, *found: Spec) -> None:
        super().__init__()
        self.revision = 1
        self.found = {(each.kind, each.id): each for each in found}
        self.log: list[tuple[int, Kind, str]] = []
        self.while_reading: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
        self.away = False

    def change(self, *specs: Spec) -> None:
        self.revision += 1
        for each in specs:
            self.found[each.kind, each.id] = each
            self.log.append((self.revision, each.kind, each.id))

    @override
    async def changes_since(self, revision: int, limit: int) -> Changes:
        if self.away:
            raise StoreUnavailable("away")
        changed = [(kind, name) for at, kind, name in self.log if at > revision]
        return Changes(self.revision, frozenset(changed) if len(changed) <= limit else None)

    @override
    async def specs(self, kind: Kind, ids: Sequence[str]) -> Sequence[Spec]:
        found = await super().specs(kind, ids)
        await self.while_reading()
        return found


def registry_on(
    store: EmptyRegistryStore, clock: ManualClock | None = None, environ: Mapping[str, str] | None = None
) -> Registry:
    return Registry(store, OpenBox(), clock or ManualClock(), environ or {"PASSWORD": "secret"})


async def loaded(registry: Registry, name: str = BOB, revision: int = 0) -> str:
    await registry.load([name], revision=revision)
    return registry.accounts[name].id


async def test_what_is_at_hand_is_not_read_again() -> None:
    store = Changed(account(), target())
    registry = registry_on(store)
    await registry.load([BOB, BOB])
    await registry.load([BOB], ["exchange"])
    assert store.asked == [
        (Kind.ACCOUNT, (BOB,)),
        (Kind.TARGET, ("exchange",)),
        (Kind.TENANT, ("acme",)),
    ]
    assert registry.targets["exchange"].endpoint.host == "mail.corp.example"


async def test_a_newer_revision_of_an_event_brings_the_change_at_once() -> None:
    store = Changed(account(), target())
    registry = registry_on(store)
    await registry.refresh()
    await registry.load([BOB])
    store.change(target("smtp://moved.corp.example:25"))
    await registry.load([BOB], ["exchange"])
    assert registry.targets["exchange"].endpoint.host == "mail.corp.example"
    await registry.load([BOB], ["exchange"], revision=store.revision)
    assert registry.targets["exchange"].endpoint.host == "moved.corp.example"


async def test_without_an_event_a_change_is_found_within_a_second() -> None:
    store, clock = Changed(account(), target()), ManualClock()
    registry = registry_on(store, clock)
    await registry.load([BOB])
    task = asyncio.create_task(registry.run())
    await clock.advance(0)
    store.change(account(enabled=False))
    await clock.advance(LOOK_EVERY)
    await registry.load([BOB])
    assert not registry.accounts[BOB].enabled
    task.cancel()
    await asyncio.wait([task])


async def test_an_object_that_is_changed_while_it_is_read_is_read_again() -> None:
    store = Changed(account(), target())
    registry = registry_on(store)
    await registry.refresh()
    changes = [account(enabled=False)]

    async def change_once() -> None:
        if changes:
            store.change(changes.pop())
            await registry.refresh()

    store.while_reading = change_once
    await registry.load([BOB])
    assert not registry.accounts[BOB].enabled


async def test_a_change_takes_nothing_from_who_has_an_account_at_hand() -> None:
    store = Changed(account(), target())
    registry = registry_on(store)
    await registry.load([BOB])
    for changed in (account(enabled=False), target("smtp://moved.corp.example:25")):
        store.change(changed)
        await registry.refresh()
        assert registry.accounts[BOB].id == BOB
        assert "exchange" in registry.targets


async def test_many_changes_have_everything_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHANGES", 1)
    store = Changed(account(), target())
    registry = registry_on(store)
    await registry.load([BOB])
    store.change(account("acme/eve"), account(enabled=False))
    await registry.refresh()
    await registry.load([BOB])
    assert not registry.accounts[BOB].enabled


async def test_a_database_from_a_backup_has_everything_read_again() -> None:
    store = Changed(account(), target())
    store.change(account(enabled=False))
    registry = registry_on(store)
    await registry.refresh()
    await registry.load([BOB])
    store.revision, store.log = 1, []
    store.found[Kind.ACCOUNT, BOB] = account()
    await registry.refresh()
    await registry.load([BOB])
    assert registry.accounts[BOB].enabled
    assert registry.revision == 1


async def test_an_account_that_cannot_be_used_has_a_sentence_and_harms_no_other() -> None:
    broken = account("acme/broken", recipient="nobody")
    store = Changed(account(), target(), broken)
    registry = registry_on(store)
    with capture_logs() as logs:
        await registry.load([BOB, "acme/broken"])
    assert [*registry.accounts] == [BOB]
    assert "recipient" in (registry.accounts.problem("acme/broken") or "")
    assert [each["name"] for each in logs] == ["acme/broken"]


async def test_a_mistake_of_ours_in_one_account_harms_no_other_and_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built = account_of

    def build(spec: Spec, *rest: object) -> object:
        if spec.id == "acme/broken":
            raise ValueError("the secret")
        return built(spec, *rest)  # type: ignore[arg-type] # as they were given

    monkeypatch.setattr(module, "account_of", build)
    registry = registry_on(Changed(account(), target(), account("acme/broken")))
    await registry.load(["acme/broken", BOB])
    assert [*registry.accounts] == [BOB]
    problem = registry.accounts.problem("acme/broken") or ""
    assert "internal error ValueError" in problem
    assert "the secret" not in problem


async def test_a_password_file_that_comes_back_is_read_without_a_change(tmp_path: Path) -> None:
    file, clock = tmp_path / "password", ManualClock()
    spec = account(password_env=None)
    keys = {key: value for key, value in spec.keys.items() if value is not None}
    from_file = replace(
        spec,
        keys={**keys, "password_file": "password"},
        managed_by=Manager.FILE,
        origin=str(tmp_path / "mailferry.toml"),
    )
    registry = registry_on(Changed(from_file, target()), clock)
    with capture_logs() as logs:
        await registry.load([BOB])
        assert "password" in (registry.accounts.problem(BOB) or "")
        task = asyncio.create_task(registry.run())
        await clock.advance(LOOK_AT_PROBLEMS_EVERY + LOOK_EVERY)
        await registry.load([BOB])
        assert len(logs) == 1, "the same sentence is logged once"
        file.touch(mode=0o600)
        file.write_text("secret")
        await clock.advance(LOOK_AT_PROBLEMS_EVERY + LOOK_EVERY)
        await registry.load([BOB])
    assert BOB in registry.accounts
    task.cancel()
    await asyncio.wait([task])


async def test_all_is_read_again_when_asked_for() -> None:
    environ = {"PASSWORD": "old"}
    registry = registry_on(Changed(account(), target()), environ=environ)
    await registry.load([BOB])
    environ["PASSWORD"] = "new"
    registry.read_again()
    await registry.load([BOB])
    assert registry.accounts[BOB].login.password.get_secret_value() == "new"


async def test_a_database_that_is_away_is_told_and_what_is_at_hand_stays() -> None:
    store = Changed(account(), target())
    registry = registry_on(store)
    await registry.load([BOB])
    store.away = True
    with pytest.raises(StoreUnavailable):
        await registry.load([BOB], revision=99)
    assert BOB in registry.accounts


async def test_a_mistake_in_a_listener_does_not_end_the_looks_for_changes() -> None:
    store, clock = Changed(), ManualClock()
    registry = registry_on(store, clock)
    calls = []

    async def listener() -> None:
        calls.append(registry.revision)
        raise KeyError("a mistake")

    registry.notify(listener)
    task = asyncio.create_task(registry.run())
    await clock.advance(0)
    with capture_logs():
        for _ in range(3):
            store.change(account())
            await clock.advance(LOOK_EVERY)
    assert calls == [2, 3, 4]
    task.cancel()
    await asyncio.wait([task])


async def test_a_listener_whose_database_is_away_is_called_at_the_next_change() -> None:
    store, clock = Changed(), ManualClock()
    registry = registry_on(store, clock)
    calls = []

    async def listener() -> None:
        calls.append(registry.revision)
        raise MailferryError("away")

    registry.notify(listener)
    task = asyncio.create_task(registry.run())
    await clock.advance(0)
    for _ in range(2):
        store.change(account())
        await clock.advance(LOOK_EVERY)
    assert calls == [2, 3]
    task.cancel()
    await asyncio.wait([task])


async def test_the_extent_is_known_with_the_changes() -> None:
    store = Changed()
    store.extent = Extent(7, several_tenants=True)
    registry = registry_on(store)
    await registry.refresh()
    assert registry.extent == (7, True)


async def test_a_removed_account_and_its_removed_target_go_on_for_their_mail() -> None:
    removed = replace(account(), enabled=False, removed_at=5.0)
    removed_target = replace(target(), removed_at=5.0)
    registry = registry_on(Changed(removed, removed_target))
    await registry.load([BOB], ["exchange"])
    assert BOB in registry.accounts
    assert "exchange" in registry.targets


async def test_an_unknown_account_is_looked_for_once() -> None:
    store = Changed()
    registry = registry_on(store)
    await registry.load(["acme/nobody"])
    await registry.load(["acme/nobody"])
    assert len(store.asked) == 1
    assert "acme/nobody" not in registry.accounts
    assert registry.accounts.problem("acme/nobody") is None


def test_the_one_used_longest_ago_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAPACITY", 2)
    kept: Kept[TenantLimits] = Kept()
    kept.put("a", NO_TENANT_LIMITS)
    kept.put("b", "cannot be used")
    assert kept.missing(["a"]) == []
    kept.put("c", NO_TENANT_LIMITS)
    assert kept.missing(["a", "b", "c"]) == ["b"]
    assert (len(kept), [*kept]) == (2, ["a", "c"])
