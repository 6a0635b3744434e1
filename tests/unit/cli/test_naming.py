from __future__ import annotations

from pathlib import Path

import click
import pytest

from services.cli.naming import account_ids, servers, target_names
from shared.config import Configuration
from tests.fakes.configuration import ACCOUNT, WHOLE, ConfigurationFile


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
