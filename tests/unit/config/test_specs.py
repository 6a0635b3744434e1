"""What is saved of an object, and how it is built again: nothing of a valid configuration is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.config import Configuration
from shared.config.loading import from_mapping
from shared.config.specs import WrittenSpec, account_of, target_of, tenant_limits_of, written_specs
from shared.model.errors import ConfigurationError
from shared.model.hosts import NO_LIMITS
from shared.model.spec import Kind, Manager, Spec
from tests.fakes.configuration import WHOLE, ConfigurationFile

FILE = "/etc/mailferry/mailferry.toml"
MARK = "CANARY"
"""Is in every secret, and in nothing else."""
ENVIRON = {"MAIL_SECRET": f"{MARK} of the environment"}

names = st.from_regex(r"[a-z][a-z0-9_.-]{0,10}", fullmatch=True)
texts = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=12)
secrets = texts.map(lambda text: f"x{text}{MARK}")
durations = st.sampled_from(["90s", "5m", "1h"])


def some(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


@st.composite
def logins(draw: st.DrawFn, scheme: str, key: str) -> dict[str, Any]:
    """A server with a user and a secret, in each way in which they can be written."""
    user, secret = draw(names), draw(secrets)
    way = draw(st.sampled_from(["url", "user", "keys", "environment", "token"]))
    host = draw(st.sampled_from(["mail.isp.example", "mail.isp.example:4711", "[2001:db8::1]"]))
    match way:
        case "url":
            return {key: f"{scheme}://{user}:{quote(secret, safe='')}@{host}"}
        case "user":
            return {key: f"{scheme}://{user}@{host}", "password": secret}
        case "keys":
            return {key: f"{scheme}://{host}", "username": user, "password": secret}
        case "token":
            return {key: f"{scheme}://{user}@{host}", "token": f"{MARK}.abc", "auth": ["xoauth2"]}
        case _:
            return {key: f"{scheme}://{user}@{host}", "password_env": "MAIL_SECRET"}


mailboxes = st.one_of(
    st.just({"mailbox": "single", "recipient": "bob@corp.example"}),
    some(srs_domain=st.just("srs.corp.example")).map(
        lambda more: {
            "mailbox": "catch-all",
            "domains": {"corp.example": "keep"},
            **({**more, "srs_key": f"{MARK} srs key of many letters"} if more else {}),
        }
    ),
)
account_options = some(
    poll=durations,
    retention=st.sampled_from(["0d", "7d"]),
    enabled=st.booleans(),
    tls=st.just("required"),
)
limits = some(
    max_accounts=st.integers(3, 9),
    window_messages=st.integers(1, 500),
    window_bytes=st.sampled_from(["32MiB", 4096]),
    daily_mails=st.integers(1, 10**6),
)


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    tenant, target, account = draw(names), draw(names), draw(names)
    owner: dict[str, Any] = draw(st.sampled_from([{}, {"tenant": tenant}, {"tenants": [tenant, "other"]}]))
    servers = draw(st.one_of(st.just({"url": "smtp://mail.corp.example:2525"}), logins("smtps", "url")))
    return from_mapping(
        {
            "relay": {"helo_name": "ferry.corp.example"},
            "tenants": [{"name": tenant, **draw(limits)}],
            "targets": [{"name": target, **owner, **servers}],
            "accounts": [
                {
                    "tenant": tenant,
                    "name": f"{account}{number}",
                    "target": target,
                    **draw(logins(draw(st.sampled_from(["pop3s", "imaps"])), "source")),
                    **draw(mailboxes),
                    **draw(account_options),
                }
                for number in range(draw(st.integers(0, 3)))
            ],
        },
        ENVIRON,
        Path(FILE).parent,
        FILE,
    )


def saved(written: WrittenSpec) -> tuple[Spec, dict[str, str]]:
    """The object as it comes back from the database, and its secrets."""
    spec = Spec(
        written.kind,
        written.id,
        written.tenant,
        json.loads(json.dumps(written.keys)),
        written.enabled,
        1,
        Manager.FILE,
        FILE,
        0.0,
        0.0,
        target=written.target,
    )
    kept = {key: secret.get_secret_value() for key, secret in written.secrets.items() if secret is not None}
    return spec, kept


@settings(max_examples=150, deadline=None)
@given(configurations())
def test_every_valid_configuration_survives(configuration: Configuration) -> None:
    for written in written_specs(configuration):
        spec, kept = saved(written)
        assert MARK not in json.dumps(spec.keys)
        match written.kind:
            case Kind.TENANT:
                assert tenant_limits_of(spec) == configuration.tenants[spec.id]
            case Kind.TARGET:
                assert target_of(spec, kept, ENVIRON) == configuration.targets[spec.id]
            case Kind.ACCOUNT:
                again = account_of(spec, kept, NO_LIMITS, ENVIRON)
                assert again == configuration.accounts[spec.id]
                assert again.login.password == configuration.accounts[spec.id].login.password


@pytest.fixture
def written(tmp_path: Path) -> WrittenSpec:
    (*_, account) = written_specs(ConfigurationFile(tmp_path).load(WHOLE))
    return account


def test_an_account_whose_target_is_gone_says_so(written: WrittenSpec) -> None:
    spec, kept = saved(written)
    with pytest.raises(ConfigurationError, match='"target"'):
        account_of(replace(spec, is_target_gone=True), kept, NO_LIMITS, {})


def test_an_unknown_key_of_a_newer_release_is_a_sentence(written: WrittenSpec) -> None:
    spec, kept = saved(written)
    with pytest.raises(ConfigurationError, match='"later"'):
        account_of(replace(spec, keys={**spec.keys, "later": 1}), kept, NO_LIMITS, {})


def test_a_file_is_found_beside_the_configuration_whatever_the_working_directory(
    written: WrittenSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text("from a file")
    monkeypatch.chdir("/")
    spec, _ = saved(written)
    spec = replace(
        spec, keys={**spec.keys, "password_file": "password"}, origin=str(tmp_path / "mailferry.toml")
    )
    found = account_of(spec, {}, NO_LIMITS, {})
    assert found.login.password.get_secret_value() == "from a file"


def test_secrets_do_not_depend_on_being_shown(written: WrittenSpec) -> None:
    assert "geheim" not in repr(written)
    assert written.secrets["password"] is not None
