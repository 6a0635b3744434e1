from __future__ import annotations

import asyncio
from pathlib import Path

import click
import pytest

from services.cli.naming import account_ids, has_tenant, servers, target_names
from shared.config import Configuration
from shared.operations.applying import apply_file
from shared.operations.objects import NotThere
from shared.operations.objects.naming import with_registry
from tests.fakes.configuration import ACCOUNT, TARGET, WHOLE, ConfigurationFile


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    other = ACCOUNT.replace('"acme"', '"umbrella"')
    third = other.replace('"catchall"', '"support"')
    return ConfigurationFile(tmp_path).load(WHOLE + other + third)


def test_an_account_is_named_in_full_or_by_a_name_that_only_one_tenant_has(
    configuration: Configuration,
) -> None:
    assert account_ids(configuration, ["acme/catchall", "support"]) == ["acme/catchall", "umbrella/support"]


def test_a_name_that_two_tenants_have_is_refused_with_both(configuration: Configuration) -> None:
    with pytest.raises(click.UsageError, match="may be acme/catchall or umbrella/catchall"):
        account_ids(configuration, ["catchall"])


def test_an_unknown_name_is_refused_with_the_closest_one(configuration: Configuration) -> None:
    with pytest.raises(click.UsageError, match=r'no account "suport" .* mean "support"'):
        account_ids(configuration, ["suport"])
    with pytest.raises(click.UsageError, match=r'no target "exchnge" .* mean "exchange"'):
        target_names(configuration, ["exchnge"])


def test_servers_are_all_accounts_and_targets_or_those_named(configuration: Configuration) -> None:
    assert servers(configuration, []) == (list(configuration.accounts), ["exchange"])
    assert servers(configuration, ["exchange"]) == ([], ["exchange"])
    assert servers(configuration, ["support"]) == (["umbrella/support"], [])


@pytest.fixture
def registered(tmp_path: Path) -> Configuration:
    """An installation whose registry has more than its file."""
    file = ConfigurationFile(tmp_path)
    head = 'store.url = "sqlite:m.db"\nblobs.url = "file:blobs"\n'
    others = [ACCOUNT.replace('"catchall"', f'"{name}"') for name in ("support", "sales")]
    twin = others[1].replace('"acme"', '"umbrella"')
    target = TARGET.replace('"exchange"', '"archive"')
    asyncio.run(apply_file(file.load(head + WHOLE + target + "".join(others) + twin)))
    return file.load(head + WHOLE)


def test_a_name_that_only_the_registry_has_is_found_there(registered: Configuration) -> None:
    assert account_ids(registered, ["catchall", "support", "umbrella/sales"]) == [
        "acme/catchall",
        "acme/support",
        "umbrella/sales",
    ]
    assert target_names(registered, ["archive"]) == ["archive"]
    assert servers(registered, ["archive", "support"]) == (["acme/support"], ["archive"])
    assert has_tenant(registered, "umbrella")
    assert not has_tenant(registered, "nobody")


def test_a_name_that_two_tenants_of_the_registry_have_is_refused(registered: Configuration) -> None:
    with pytest.raises(click.UsageError, match="may be acme/sales or umbrella/sales"):
        account_ids(registered, ["sales"])


def test_a_name_that_neither_has_is_refused(registered: Configuration) -> None:
    with pytest.raises(click.UsageError, match='no account "suport" in the configuration or in'):
        account_ids(registered, ["suport"])


def test_without_accounts_in_the_file_those_of_the_registry_are_meant(
    registered: Configuration, tmp_path: Path
) -> None:
    empty = ConfigurationFile(tmp_path).load('store.url = "sqlite:m.db"\nblobs.url = "file:blobs"\n')
    accounts, targets = servers(empty, [])
    assert targets == ["archive", "exchange"]
    assert accounts == ["acme/catchall", "acme/sales", "acme/support", "umbrella/sales"]


def test_accounts_of_the_registry_come_with_their_targets(registered: Configuration) -> None:
    whole = asyncio.run(with_registry(registered, ["acme/support"], ["archive"]))
    assert set(whole.accounts) == {"acme/catchall", "acme/support"}
    assert set(whole.targets) == {"exchange", "archive"}
    assert asyncio.run(with_registry(registered, ["acme/catchall"])) is registered
    with pytest.raises(NotThere):
        asyncio.run(with_registry(registered, ["acme/nobody"]))
