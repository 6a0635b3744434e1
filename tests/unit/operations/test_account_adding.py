from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from shared.autoconfig.candidate import Candidate, Way
from shared.autoconfig.network import Internet
from shared.config import Configuration
from shared.model.address import Address
from shared.model.endpoint import Tls
from shared.model.errors import ConfigurationError
from shared.operations.account_adding import (
    PrintedAccounts,
    account_toml,
    network_of,
    save,
    search,
    trial_account,
)
from shared.operations.account_draft import Draft
from tests.fakes.autoconfig_documents import ScriptedNetwork
from tests.fakes.configuration import WHOLE, ConfigurationFile

DRAFT = Draft(
    address=Address("bob", "corp.example"),
    source="imaps://imap.isp.example",
    username="bob",
    password=SecretStr("geheim"),
    tenant="acme",
    name="bob",
    target="exchange",
    retention="7d",
)


def configured(directory: Path, text: str = "") -> Configuration:
    return ConfigurationFile(directory).load(text + WHOLE)


def test_the_trial_has_the_server_and_the_login_of_the_draft(tmp_path: Path) -> None:
    account = trial_account(DRAFT, configured(tmp_path))
    assert (account.endpoint.host, account.endpoint.tls) == ("imap.isp.example", Tls.IMPLICIT)
    assert (account.login.username, account.login.password.get_secret_value()) == ("bob", "geheim")


def test_the_trial_has_those_defaults_that_matter_to_a_login(tmp_path: Path) -> None:
    defaults = '[defaults]\naddresses = "public"\ntls_verify = false\nmailbox = "catch-all"\n'
    account = trial_account(DRAFT, configured(tmp_path, defaults))
    assert account.endpoint.addresses.public_only
    assert not account.endpoint.verify


def test_the_trial_of_a_found_server_begins_tls_whatever_the_defaults_say(tmp_path: Path) -> None:
    found = Candidate("imap", "imap.isp.example", 143, Tls.REQUIRED, "bob", Way.ISPDB)
    draft = replace(DRAFT, source=found.url, chosen=found)
    account = trial_account(draft, configured(tmp_path, '[defaults]\ntls = "off"\n'))
    assert account.endpoint.tls is Tls.REQUIRED


def test_a_server_that_cannot_be_used_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the new account"):
        trial_account(replace(DRAFT, source="imaps://"), configured(tmp_path))


def test_the_table_is_read_as_what_it_was_made_of() -> None:
    keys = {"name": 'a"\n', "domains": {"corp.example": "keep"}, "retention": "7d", "target": None}
    (read,) = tomllib.loads(account_toml(keys))["accounts"]
    assert read == {key: value for key, value in keys.items() if value is not None}


async def test_a_printed_account_has_no_password_and_names_its_file() -> None:
    printed: list[str] = []
    await save(DRAFT, PrintedAccounts(printed.append, None))
    (account,) = tomllib.loads(printed[0])["accounts"]
    assert account["password_file"] == "/etc/mailferry/acme-bob.password"
    assert "geheim" not in printed[0]
    await save(DRAFT, PrintedAccounts(printed.append, "/run/secret"))
    assert tomllib.loads(printed[1])["accounts"][0]["password_file"] == "/run/secret"


async def test_an_account_is_saved_with_its_tenant_its_keys_and_its_password() -> None:
    saved: list[tuple[str, Any, str]] = []

    class Registry:
        async def save_account(self, tenant: str, keys: Any, password: SecretStr | None) -> None:
            assert password is not None
            saved.append((tenant, keys, password.get_secret_value()))

    await save(DRAFT, Registry())
    assert saved == [("acme", DRAFT.keys(), "geheim")]


async def test_an_account_that_signs_in_by_oauth_names_its_app_and_no_password() -> None:
    printed: list[str] = []
    draft = replace(DRAFT, password=None, oauth_app="microsoft")
    await save(draft, PrintedAccounts(printed.append, None))
    account = tomllib.loads(printed[0])["accounts"][0]
    assert (account["auth"], account["oauth_app"]) == ("oauth", "microsoft")
    assert "password_file" not in account


async def test_the_search_puts_what_it_found_into_the_draft() -> None:
    draft = await search(Draft(address=Address("bob", "gmx.de")), ScriptedNetwork(), "pop3")
    assert [each.url for each in draft.found or ()] == ["pop3s://pop.gmx.net", "imaps://imap.gmx.net"]
    draft = await search(Draft(address=Address("bob", "corp.example")), ScriptedNetwork())
    assert draft.found == ()
    assert draft.problems


def test_the_search_connects_only_where_the_defaults_let_accounts_connect(tmp_path: Path) -> None:
    text = '[defaults]\naddresses = "public"\ndeny_addresses = ["192.0.2.0/24"]\n'
    network = network_of(configured(tmp_path, text))
    assert isinstance(network, Internet)
    assert network._web.addresses.public_only
    assert [str(each) for each in network._web.addresses.denied] == ["192.0.2.0/24"]
    anywhere = network_of(configured(tmp_path))
    assert isinstance(anywhere, Internet)
    assert not anywhere._web.addresses.restricts
