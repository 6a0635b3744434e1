"""What a right target becomes."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pydantic import SecretStr

from shared.model.address_policy import AddressPolicy
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import ConfigurationError
from shared.model.target import ClientReport, DeliveryOptions, Target, TargetCredentials
from tests.fakes.configuration import ConfigurationFile, target

LOGIN = ('username = "u"', 'password = "geheim"')


def the_target(file: ConfigurationFile, text: str) -> Target:
    (found,) = file.load(text).targets.values()
    return found


def test_a_target_is_used_with_tls_where_it_offers_it(file: ConfigurationFile) -> None:
    assert the_target(file, target()) == Target("exchange", Endpoint("mail.corp.example", 25, Tls.WANTED))


def test_every_key_has_its_effect(file: ConfigurationFile) -> None:
    text = target(
        'url = "smtps://mail.corp.example:1465"',
        *LOGIN,
        "tls_verify = false",
        "connections = 9",
        without=("url",),
    )
    assert the_target(file, text) == Target(
        "exchange",
        Endpoint("mail.corp.example", 1465, Tls.IMPLICIT, verify=False),
        TargetCredentials("u", SecretStr("geheim")),
        9,
    )


def test_every_key_about_manners_has_its_effect(file: ConfigurationFile) -> None:
    found = the_target(
        file,
        target(
            'url = "lmtp://mail.corp.example"',
            "connection_mails = 7",
            'connection_age = "1m"',
            "max_recipients = 3",
            'dsn = ["failure", "delay"]',
            'client = "xforward"',
            'addresses = "public"',
            'deny_addresses = ["192.0.2.0/24", "2001:db8::1"]',
            without=("url",),
        ),
    )
    assert found.lmtp
    assert found.delivery_options == DeliveryOptions(
        connection_mails=7,
        connection_age=60.0,
        max_recipients=3,
        dsn=("failure", "delay"),
        client=ClientReport.XFORWARD,
    )
    assert found.endpoint.addresses == AddressPolicy(
        public_only=True, denied=(ip_network("192.0.2.0/24"), ip_network("2001:db8::1"))
    )


def test_the_limit_for_all_processes_of_a_machine_was_removed(file: ConfigurationFile) -> None:
    [problem] = file.problems(target("host_connections = 5"))
    assert problem == (
        'mailferry.toml:5: targets "exchange": "host_connections" was removed. '
        'Use "connections", which limits each process.'
    )


def test_a_socket_of_this_machine_needs_no_tls(file: ConfigurationFile) -> None:
    found = the_target(file, target('url = "lmtp+unix:///run/lmtp"', *LOGIN, without=("url",)))
    assert found.endpoint == Endpoint("localhost", 0, Tls.OFF, unix_path="/run/lmtp")


def test_a_domain_is_looked_up_for_its_exchangers(file: ConfigurationFile) -> None:
    found = the_target(file, target('url = "mx://corp.example"', without=("url",)))
    assert found.endpoint == Endpoint("corp.example", 25, Tls.WANTED, by_mx=True)


def test_a_target_may_be_logged_in_to_by_a_token(file: ConfigurationFile) -> None:
    lines = ('username = "u"', 'auth = ["xoauth2"]')
    found = the_target(file, target(*lines, 'token = "t"'))
    assert found.credentials == TargetCredentials("u", SecretStr("t"), ("XOAUTH2",))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((*LOGIN, 'token = "t"'), "keep one of them"),
        (('username = "u"', 'token = "t"'), 'name "oauthbearer", "xoauth2"'),
        ((*LOGIN, 'auth = ["xoauth2"]'), "need a token"),
        ((*LOGIN, 'auth = ["apop"]'), "not known"),
        (('dsn = ["sometimes"]',), "not known"),
        (('deny_addresses = ["10.0.0.1/8"]',), "list of networks"),
    ],
)
def test_what_does_not_go_together_is_named(
    file: ConfigurationFile, lines: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        file.load(target(*lines))


@pytest.mark.parametrize(
    ("lines", "tls"),
    [
        (LOGIN, Tls.REQUIRED),
        ((*LOGIN, 'tls = "wanted"'), Tls.WANTED),
        ((*LOGIN, 'tls = "off"'), Tls.OFF),
        (('tls = "required"',), Tls.REQUIRED),
    ],
)
def test_credentials_go_out_in_clear_only_where_tls_says_so(
    file: ConfigurationFile, lines: tuple[str, ...], tls: Tls
) -> None:
    assert the_target(file, target(*lines)).endpoint.tls is tls


def test_the_url_may_hold_the_credentials(file: ConfigurationFile) -> None:
    found = the_target(file, target('url = "smtp://u:geheim@h"', without=("url",)))
    assert found.credentials == TargetCredentials("u", SecretStr("geheim"))
    assert found.endpoint.tls is Tls.REQUIRED


def test_a_target_without_a_url_is_reported(file: ConfigurationFile) -> None:
    assert file.problems(target(without=("url",))) == [
        'mailferry.toml:2: targets "exchange": "url" is missing'
    ]


def test_rules_about_refusals_are_read_in_their_order(file: ConfigurationFile) -> None:
    text = target(
        "[[targets.rules]]",
        'code = "550 5.7.*"',
        'action = "retry"',
        "[[targets.rules]]",
        'code = "5xx"',
        'action = "discard"',
    )
    (made,) = file.load(text).targets.values()
    assert [(str(rule.pattern), rule.action.value) for rule in made.rules] == [
        ("550 5.7.*", "retry"),
        ("5xx", "discard"),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('rules = "all"', "expected tables, each beginning with [[targets.rules]]"),
        ('rules = [{ code = "250", action = "park" }]', "rule 1: expected a reply code"),
        (
            'rules = [{ code = "4xx", action = "discard" }]',
            "rule 1: what a target refuses for the time being",
        ),
        ('rules = [{ code = "5xx", action = "drop" }]', 'rule 1: "action": expected one of "retry"'),
        ('rules = [{ code = "5xx", does = "park" }]', 'rule 1: unknown key "does"'),
    ],
)
def test_what_is_wrong_with_a_rule_is_reported_with_its_place(
    file: ConfigurationFile, line: str, problem: str
) -> None:
    (found,) = file.problems(target(line))
    assert '"exchange": "rules": ' in found
    assert problem in found
