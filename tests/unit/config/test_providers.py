"""Providers known by name, and what accounts get from them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import shown
from shared.config.providers import (
    Provider,
    find_provider,
    provider_name,
    provider_of_domain,
    provider_of_exchanger,
    provider_of_host,
    provider_of_url,
    providers,
)
from shared.model.account import Account, CustodyMode
from shared.model.address import normal_domain
from shared.model.authentication import BY_NAME
from shared.model.endpoint import Tls
from shared.model.hosts import HostLimit
from tests.fakes.configuration import ACCOUNT, TARGET, ConfigurationFile, account

PRESETS = list(providers().values())
BY_PROVIDER = 'username = "bob@gmx.net"'


def loaded(directory: Path, *lines: str, without: tuple[str, ...] = ()) -> Account:
    (read,) = ConfigurationFile(directory).load(account(*lines, without=without)).accounts.values()
    return read


@pytest.mark.parametrize("preset", PRESETS, ids=[preset.name for preset in PRESETS])
def test_every_provider_has_servers_with_tls_from_the_start_and_methods_that_there_are(
    preset: Provider,
) -> None:
    urls = {"pop3s": preset.pop3, "imaps": preset.imap}
    assert any(urls.values())
    for scheme, url in urls.items():
        if url is not None:
            parts = urlsplit(url)
            assert (parts.scheme, parts.path, parts.username) == (scheme, "", None)
            assert parts.hostname
            assert "." in parts.hostname
    assert set(preset.auth) <= set(BY_NAME)
    assert preset.title


def test_no_two_providers_go_by_the_same_name() -> None:
    names = [name for preset in PRESETS for name in (preset.name, *preset.aliases)]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)


@given(st.sampled_from([name for each in PRESETS for name in (each.name, *each.aliases)]), st.booleans())
def test_a_provider_is_found_by_any_of_its_names_in_any_case(name: str, shouted: bool) -> None:
    found = find_provider(name.upper() if shouted else name)
    assert found is not None
    assert provider_name(name) == found.name


def test_an_account_gets_what_it_leaves_out_from_its_provider(tmp_path: Path) -> None:
    read = loaded(tmp_path, 'provider = "GMX"', BY_PROVIDER, without=("source",))
    assert (read.endpoint.host, read.endpoint.port, read.endpoint.tls) == ("pop.gmx.net", 995, Tls.IMPLICIT)
    assert (read.provider, read.login.username) == ("gmx", "bob@gmx.net")


def test_a_provider_that_hides_what_was_read_has_mail_kept_here_first(tmp_path: Path) -> None:
    read = loaded(tmp_path, 'provider = "gmail"', BY_PROVIDER, without=("source",))
    assert read.custody is CustodyMode.SPOOL
    own = loaded(tmp_path, 'provider = "gmail"', 'custody = "source"', BY_PROVIDER, without=("source",))
    assert own.custody is CustodyMode.SOURCE


def test_exchange_is_not_asked_for_parts_of_mails_unless_the_account_wants_that(tmp_path: Path) -> None:
    by_imap = 'provider = "office365"', 'source = "imap"', 'token = "secret"', BY_PROVIDER
    assert not loaded(tmp_path, *by_imap, without=("source", "password")).reading.read_in_parts
    own = loaded(tmp_path, *by_imap, "read_in_parts = true", without=("source", "password"))
    assert own.reading.read_in_parts


def test_what_the_account_says_goes_before_its_provider(tmp_path: Path) -> None:
    read = loaded(tmp_path, 'provider = "gmx"')
    assert read.endpoint.host == "pop.isp.example"


def test_what_the_provider_takes_goes_before_the_defaults(tmp_path: Path) -> None:
    text = '[defaults]\nprovider = "office365"\nauth = ["plain"]\ntoken = "abc"\n' + account(
        BY_PROVIDER, without=("source", "password")
    )
    (read,) = ConfigurationFile(tmp_path).load(text).accounts.values()
    assert read.login.auth == ("xoauth2",)


def test_an_unknown_provider_is_reported_with_the_nearest_names(tmp_path: Path) -> None:
    problems = ConfigurationFile(tmp_path).problems(account('provider = "gmial"'))
    assert len(problems) == 1
    assert '"provider": there is no provider "gmial"; did you mean "gmail"' in problems[0]


def test_a_problem_with_what_the_provider_gives_names_the_line_of_the_provider(tmp_path: Path) -> None:
    text = account('provider = "office365"', BY_PROVIDER, without=("source",))
    problems = ConfigurationFile(tmp_path).problems(text)
    line = text.splitlines().index('provider = "office365"') + 1
    (problem,) = (each for each in problems if "need a token" in each)
    assert problem.startswith(f"mailferry.toml:{line}: ")


def test_a_provider_allows_no_shorter_interval_than_its_own(tmp_path: Path) -> None:
    file = ConfigurationFile(tmp_path)
    text = '[defaults]\npoll = "20s"\n' + account('provider = "ovh"', BY_PROVIDER, without=("source",))
    configuration = file.load(text)
    (read,) = configuration.accounts.values()
    assert (read.retry_times.poll.shortest, read.shortest_interval) == (60.0, 60.0)
    assert configuration.hosts.of("ssl0.ovh.net").interval == 60.0
    problems = file.problems(account('provider = "ovh"', BY_PROVIDER, 'poll = "20s"', without=("source",)))
    assert ['"poll": the host of "source" allows one visit every 1m' in each for each in problems] == [True]


def test_of_a_range_both_ends_are_as_long_as_the_provider_wants(tmp_path: Path) -> None:
    text = '[defaults]\npoll = "20s..40s"\n' + account('provider = "ovh"', BY_PROVIDER, without=("source",))
    (read,) = ConfigurationFile(tmp_path).load(text).accounts.values()
    assert str(read.retry_times.poll) == "1m"


def test_the_interval_of_a_provider_holds_for_its_host_however_the_account_names_it(tmp_path: Path) -> None:
    source = 'source = "pop3s://user@ssl0.ovh.net"'
    assert loaded(tmp_path, source, without=("source",)).shortest_interval == 60.0


def test_limits_of_hosts_are_read_and_fill_one_another_in(tmp_path: Path) -> None:
    text = """
[fetcher]
host_connections = 7
[[hosts]]
name = "POP.example"
connections = 5
spacing = "2s"
[[hosts]]
name = "ovh"
connections = 3
[[hosts]]
name = "127.0.0.1"
connections = 0
interval = "5m"
"""
    configuration = ConfigurationFile(tmp_path).load(text + TARGET + ACCOUNT)
    hosts = configuration.hosts
    assert hosts.of("pop.example") == HostLimit(connections=5, spacing=2.0)
    assert hosts.of("ssl0.ovh.net") == HostLimit(connections=3, interval=60.0)
    assert hosts.of("127.0.0.1") == HostLimit(connections=0, interval=300.0)
    assert hosts.of("elsewhere.example") == HostLimit(connections=7)
    text = shown(configuration)
    assert 'name = "POP.example"' in text
    assert 'spacing = "2s"' in text


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ('[[hosts]]\nname = "a b"', '"name": the host is not valid'),
        (
            '[[hosts]]\nname = "a.example"\nconections = 3',
            'unknown key "conections"; did you mean "connections"',
        ),
        (
            '[[hosts]]\nname = "a.example"\n[[hosts]]\nname = "A.example"',
            '"name": the host a.example is named twice',
        ),
        ("[[hosts]]\nconnections = 1", '"name" is missing'),
        ('[[hosts]]\nname = "a.example"\nconnections = -1', '"connections": must be at least 0'),
    ],
)
def test_a_mistake_in_a_host_is_reported(tmp_path: Path, hosts: str, expected: str) -> None:
    (problem,) = ConfigurationFile(tmp_path).problems(hosts + TARGET + ACCOUNT)
    assert expected in problem


def test_a_host_leads_to_its_provider() -> None:
    found = provider_of_host("pop.gmail.com")
    assert found is not None
    assert found.name == "gmail"
    assert provider_of_host("pop.isp.example") is None


def test_only_keys_that_there_are_are_taken_from_a_provider() -> None:
    preset = Provider(
        "x", "X", imap="imaps://x.example", keys={"imap": {"custody": "spool"}}, auth=("plain",)
    )
    assert preset.account_keys({"source", "auth"}) == {"source": "imaps://x.example", "auth": ["plain"]}
    assert preset.account_keys({"custody"}) == {"custody": "spool"}


def test_the_keys_of_a_provider_are_those_of_the_protocol_that_the_account_uses() -> None:
    gmail = find_provider("gmail")
    assert gmail is not None
    assert gmail.account_keys({"custody"}) == {"custody": "spool"}
    assert gmail.account_keys({"custody"}, "POP3S://pop.gmail.com") == {"custody": "spool"}
    assert gmail.account_keys({"custody"}, "imaps://imap.gmail.com") == {}


def test_an_account_may_choose_the_protocol_of_its_provider(tmp_path: Path) -> None:
    by_imap = loaded(tmp_path, 'provider = "gmail"', 'source = "imap"', BY_PROVIDER, without=("source",))
    assert (by_imap.protocol, by_imap.endpoint.host, by_imap.endpoint.port) == ("imap", "imap.gmail.com", 993)
    assert by_imap.custody is CustodyMode.SOURCE
    by_pop3 = loaded(tmp_path, 'provider = "gmail"', 'source = "POP3"', BY_PROVIDER, without=("source",))
    assert (by_pop3.protocol, by_pop3.custody) == ("pop3", CustodyMode.SPOOL)


def test_the_defaults_may_choose_the_protocol_of_all_providers(tmp_path: Path) -> None:
    text = '[defaults]\nsource = "imap"\n' + account('provider = "gmx"', BY_PROVIDER, without=("source",))
    (read,) = ConfigurationFile(tmp_path).load(text).accounts.values()
    assert (read.protocol, read.endpoint.host) == ("imap", "imap.gmx.net")


@pytest.mark.parametrize("name", [each.name for each in PRESETS if each.pop3])
def test_a_provider_that_has_pop3_is_used_by_pop3_unless_the_account_says_otherwise(
    tmp_path: Path, name: str
) -> None:
    lines = (f'provider = "{name}"', 'username = "u"', 'token = "t"')
    assert loaded(tmp_path, *lines, without=("source", "password")).protocol == "pop3"


def test_a_provider_without_pop3_is_used_by_imap(tmp_path: Path) -> None:
    read = loaded(tmp_path, 'provider = "icloud"', BY_PROVIDER, without=("source",))
    assert (read.protocol, read.endpoint.host, read.endpoint.tls) == (
        "imap",
        "imap.mail.me.com",
        Tls.IMPLICIT,
    )


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (('provider = "icloud"', 'source = "pop3"'), "POP3"),
        (('source = "imap"',), "IMAP"),
        (('provider = "nobody"', 'source = "imap"'), "IMAP"),
    ],
)
def test_a_protocol_that_the_provider_does_not_have_is_reported_at_its_line(
    tmp_path: Path, lines: tuple[str, ...], name: str
) -> None:
    text = account(*lines, BY_PROVIDER, without=("source",))
    problems = ConfigurationFile(tmp_path).problems(text)
    line = text.splitlines().index(lines[-1]) + 1
    sentence = f'"source": {name} alone needs a "provider" that has {name}'
    assert [each for each in problems if each.startswith(f"mailferry.toml:{line}: ") and sentence in each]


def test_what_one_has_to_know_differs_by_protocol() -> None:
    gmail = find_provider("gmail")
    assert gmail is not None
    assert "recent:" in gmail.advice("pop3")
    assert "recent:" not in gmail.advice("imap")
    assert all("app password" in gmail.advice(protocol) for protocol in ("pop3", "imap"))


def test_keys_of_a_protocol_go_before_what_holds_for_both() -> None:
    preset = Provider(
        "x",
        "X",
        pop3="pop3s://x.example",
        imap="imaps://x.example",
        auth=("plain",),
        keys={"imap": {"auth": ["login"]}},
    )
    assert preset.account_keys({"auth"}) == {"auth": ["plain"]}
    assert preset.account_keys({"auth"}, "imap") == {"auth": ["login"]}


@pytest.mark.parametrize("preset", PRESETS, ids=[preset.name for preset in PRESETS])
def test_what_is_said_by_protocol_is_about_a_protocol_that_the_provider_has(preset: Provider) -> None:
    assert {*preset.notes, *preset.keys} <= set(preset.urls)
    for protocol in preset.urls:
        advice = preset.advice(protocol)
        assert advice == "" or advice.endswith(".")


def test_no_two_providers_have_the_same_domain_or_exchanger() -> None:
    for names in (
        [domain for preset in PRESETS for domain in preset.domains],
        [host for preset in PRESETS for host in preset.mx],
    ):
        assert len(names) == len(set(names))
        assert all(name == normal_domain(name) and "." in name for name in names)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("aspmx.l.google.com", "gmail"),
        ("ASPMX2.GOOGLEMAIL.COM.", "gmail"),
        ("corp-example.mail.protection.outlook.com", "office365"),
        ("corp-example.olc.protection.outlook.com", "outlook"),
        ("mx1.qq.com", "qq"),
        ("mxbiz1.qq.com", "exmail"),
        ("mx.zoho.com", "zoho-domain"),
        ("smtpin.rzone.de", "strato"),
        ("mx.corp.example", None),
        ("notgoogle.com", None),
        ("google.com.corp.example", None),
    ],
)
def test_a_provider_is_found_by_the_nearest_name_of_an_exchanger(host: str, name: str | None) -> None:
    found = provider_of_exchanger(host)
    assert (None if found is None else found.name) == name


def test_a_provider_is_found_by_a_domain_of_its_own_and_by_none_below_it() -> None:
    found = provider_of_domain("gmx.de")
    assert found is not None
    assert found.name == "gmx"
    assert provider_of_domain("mail.gmx.de") is None


def test_a_provider_is_known_by_the_url_of_its_server() -> None:
    found = provider_of_url("imaps://imap.gmail.com")
    assert found is not None
    assert (found[0].name, found[1]) == ("gmail", "imap")
    assert provider_of_url("imaps://imap.gmail.com:1993") is None
