"""Limits of tenants where a file is applied. The rest is in tests/integration and tests/acceptance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.adapters.sql.store import SqlStore, open_store
from shared.config.object_keys import Surroundings
from shared.model.errors import ConfigurationError
from shared.model.spec import Kind, Manager
from shared.operations.applying import Applier
from shared.operations.objects import Actor, Objects
from tests.fakes.clock import ManualClock
from tests.fakes.configuration import ACCOUNT, TARGET, WHOLE, ConfigurationFile
from tests.fakes.database import write_empty_database
from tests.fakes.registry import OpenBox

LIMIT = '[[tenants]]\nname = "acme"\nmax_accounts = 2\n'
OTHER = ACCOUNT.replace('"catchall"', '"other"')
THIRD = ACCOUNT.replace('"catchall"', '"third"')
BOB = {
    "tenant": "acme",
    "name": "bob",
    "target": "exchange",
    "mailbox": "single",
    "recipient": "bob@acme.example",
    "password": "x",
    "source": "pop3s://bob@pop.isp.example",
}


class Installation:
    """A registry, and the file that is applied to it."""

    def __init__(self, store: SqlStore, directory: Path) -> None:
        self.store = store
        self.file = ConfigurationFile(directory)
        self.applier = Applier(store.registry, OpenBox(), ManualClock())
        self.objects = Objects(store.registry, store.secrets, OpenBox(), ManualClock(), Surroundings({}))

    async def apply(self, text: str) -> None:
        await self.applier.apply(self.file.load(text))

    async def add(self, **keys: object) -> None:
        await self.objects.add(Kind.ACCOUNT, {**BOB, **keys}, Actor(Manager.API, "token"))


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    path = tmp_path / "m.db"
    write_empty_database(path)
    store = open_store(f"sqlite:///{path}")
    yield Installation(store, tmp_path)
    await store.close()


async def test_accounts_that_others_added_count_for_the_tenants_limit(installation: Installation) -> None:
    await installation.apply(WHOLE)
    await installation.add()
    with pytest.raises(ConfigurationError) as refused:
        await installation.apply(LIMIT + WHOLE + OTHER)
    assert refused.value.problems[0].endswith(
        'tenant "acme" has 3 accounts, 1 of them not of this file, and may have 2 (max_accounts)'
    )
    await installation.apply(LIMIT + WHOLE)


async def test_an_account_that_left_the_file_makes_room_for_another(installation: Installation) -> None:
    await installation.apply(LIMIT + WHOLE + OTHER)
    await installation.apply(LIMIT + TARGET + OTHER + THIRD)
    with pytest.raises(ConfigurationError, match="has 3 accounts and may have 2"):
        await installation.apply(LIMIT + WHOLE + OTHER + THIRD)


async def test_a_file_that_was_renamed_has_its_accounts_once(installation: Installation) -> None:
    await installation.apply(LIMIT + WHOLE + OTHER)
    installation.file.path = installation.file.path.with_name("renamed.toml")
    await installation.apply(LIMIT + WHOLE + OTHER)


async def test_the_limit_of_a_tenant_that_only_the_registry_has_holds_for_a_file(
    installation: Installation,
) -> None:
    actor = Actor(Manager.API, "token")
    await installation.objects.add(Kind.TENANT, {"name": "acme", "max_accounts": 1}, actor)
    with pytest.raises(ConfigurationError, match="has 2 accounts and may have 1"):
        await installation.apply(WHOLE + OTHER)
    await installation.apply(WHOLE)


async def test_defaults_that_are_for_other_accounts_leave_an_account_usable(
    installation: Installation,
) -> None:
    """What contradicts an account is a problem only among its own keys, also once it is in the registry."""
    defaults = '[defaults]\npoll = "1m"\ntls = "wanted"\nrecipient = "all@acme.com"\n'
    hosts = '[[hosts]]\nname = "pop.isp.example"\ninterval = "15m"\n'
    configuration = installation.file.load(defaults + WHOLE + hosts)
    await installation.applier.apply(configuration)
    around = Surroundings({}, configuration.hosts)
    objects = Objects(
        installation.store.registry, installation.store.secrets, OpenBox(), ManualClock(), around
    )
    assert (await objects.show(Kind.ACCOUNT, "acme/catchall")).problem is None
