"""What is said against a wrong file: each sentence names file, line and key."""

from __future__ import annotations

import pytest

from shared.config.mailboxes import USELESS_CHECK
from shared.model import authentication
from tests.fakes.configuration import WHOLE, ConfigurationFile, account, target


def test_there_is_nothing_to_say_against_a_right_file(file: ConfigurationFile) -> None:
    assert file.problems(WHOLE) == []


def test_an_empty_file_is_right(file: ConfigurationFile) -> None:
    assert file.problems("") == []


A = 'accounts "acme/catchall": '
T = 'targets "exchange": '
DURATION = 'expected a duration such as "90s", "15m", "4h" or "5d"'
METHODS = ", ".join(f'"{method.name}"' for method in authentication.METHODS)
PIN = "sha256:" + "ab" * 32
BEGIN = (
    'expected "all", "now", or a date such as "2026-11-01" (from 0:00 UTC on) or "2026-11-01T08:00:00+01:00"'
)
SPOOL_AND_DATE = (
    '"begin": with custody = "spool" no date can be given: to learn the date of a mail, its header is read, '
    'which the source may take for reading the mail; "now" works'
)
DAYS = 'expected "delete", "keep" or a number of days such as "7d"'


@pytest.mark.parametrize(
    ("text", "line", "table", "sentence"),
    [
        (
            account('retentoin = "7d"'),
            14,
            A,
            'unknown key "retentoin"; did you mean "retention"?',
        ),
        (account("use_uid = true"), 14, A, 'unknown key "use_uid"'),
        (
            account('mail_limit = "1MiB"', 'max_size = "2MiB"'),
            15,
            A,
            '"max_size": must be at most mail_limit, which is 1MiB',
        ),
        (
            account('session_limit = "1GiB"'),
            14,
            A,
            '"session_limit": must be at least mail_limit, which is 2GiB',
        ),
        (account('line_limit = "100B"'), 14, A, '"line_limit": must be at least 512'),
        (
            account("retries = true"),
            14,
            A,
            '"retries": expected a whole number, not true or false',
        ),
        (
            account('retries = "3"'),
            14,
            A,
            '"retries": expected a whole number, not text',
        ),
        (
            account("retries = 0"),
            14,
            A,
            '"retries": must be at least 1',
        ),
        (
            account('enabled = "yes"'),
            14,
            A,
            '"enabled": expected true or false, not text',
        ),
        (
            account("enabled = 1979-05-27"),
            14,
            A,
            '"enabled": expected true or false, not a date or time',
        ),
        (
            account('poll = "1w"'),
            14,
            A,
            f'"poll": {DURATION}',
        ),
        (account('poll = "0s"'), 14, A, '"poll": must be more than 0'),
        (account('poll = "0s..5m"'), 14, A, '"poll": must be more than 0'),
        (
            account('poll = "15m..1m"'),
            14,
            A,
            '"poll": the shorter interval comes first, as in "1m..15m"',
        ),
        (account('poll = "1m.."'), 14, A, f'"poll": {DURATION}, or two of them such as "1m..15m"'),
        (
            account('retention = "7w"'),
            14,
            A,
            f'"retention": {DAYS}',
        ),
        (
            account("retention = 7"),
            14,
            A,
            f'"retention": {DAYS}',
        ),
        (account('begin = "7d"'), 14, A, f'"begin": {BEGIN}'),
        (account("begin = true"), 14, A, f'"begin": {BEGIN}'),
        (account("begin = 2026-11-01T08:00:00"), 14, A, f'"begin": {BEGIN}'),
        (
            account('custody = "spool"', 'begin = "2026-11-01"'),
            15,
            A,
            SPOOL_AND_DATE,
        ),
        (
            account('dedup = "no"'),
            14,
            A,
            '"dedup": expected "content", "message-id" or "off", not "no"',
        ),
        (
            account('unknown_recipients = "x@"'),
            14,
            A,
            '"unknown_recipients": "x@" is no valid address: nothing after the @',
        ),
        (
            account('unknown_recipients = "reject"'),
            14,
            A,
            '"unknown_recipients": expected the address of a postmaster, "refuse" or "park"',
        ),
        (
            account('surplus_copies = "park"'),
            14,
            A,
            '"surplus_copies": expected "postmaster" or "suppress", not "park"',
        ),
        (
            account('unknown_recipients = "park"', 'verify_recipients = "ask"'),
            15,
            A,
            '"verify_recipients": expected "none", "rcpt", or "file:" and the path of a list of recipients',
        ),
        (
            account('verify_recipients = "rcpt"'),
            14,
            A,
            USELESS_CHECK,
        ),
        (account(without=("target",)), 6, A, '"target" is missing'),
        (
            account('target = "exchnage"', without=("target",)),
            13,
            A,
            '"target": there is no target "exchnage"; did you mean "exchange"?',
        ),
        (
            account(without=("domains",)),
            6,
            A,
            '"domains" is missing: a catch-all mailbox has mail for these only',
        ),
        (
            account("domains = {}", without=("domains",)),
            13,
            A,
            '"domains" is missing: a catch-all mailbox has mail for these only',
        ),
        (
            account('domains = { "ac me" = "keep" }', without=("domains",)),
            13,
            A,
            '"domains": "ac me" is no valid domain: domain has an invalid label',
        ),
        (
            account('mailbox = "single"', without=("mailbox", "domains")),
            6,
            A,
            '"recipient" is missing: all mail of a single mailbox goes to it',
        ),
        (
            account('recipient = "bob@corp.example"'),
            14,
            A,
            '"recipient" has no effect on a catch-all mailbox; remove it',
        ),
        (
            account('mailbox = "single"', 'recipient = "bob@corp.example"', without=("mailbox",)),
            12,
            A,
            '"domains" has no effect on a single mailbox; remove it',
        ),
        (
            account('tls = "off"'),
            14,
            A,
            '"tls": pop3s begins with TLS, which contradicts "off"',
        ),
        (
            account('tls = "wanted"'),
            14,
            A,
            '"tls": pop3s begins with TLS, which contradicts "wanted"',
        ),
        (
            account('source = "ftp://u@h"', without=("source",)),
            13,
            A,
            '"source": the scheme "ftp" is not known; available are pop3, pop3s, imap and imaps',
        ),
        (
            account('source = "imaps://u@h"', 'tls = "off"', without=("source",)),
            14,
            A,
            '"tls": imaps begins with TLS, which contradicts "off"',
        ),
        (
            account('source = "imap://u@h"', "use_top = true", without=("source",)),
            14,
            A,
            '"use_top": only for POP3, as IMAP has no TOP, and reading by it hides nothing; remove it',
        ),
        (
            account('source = "pop3://u@h:99999"', without=("source",)),
            13,
            A,
            '"source": the port must be a number from 1 to 65535',
        ),
        (
            account('source = "pop3://h"', without=("source",)),
            6,
            A,
            '"username" is missing; the URL may have it, too',
        ),
        (
            account('username = "u2"'),
            14,
            A,
            '"username": the URL has one, too; keep one of them',
        ),
        (
            account('name = "a/b"', without=("name",)),
            13,
            'accounts "acme/a/b": ',
            '"name": expected up to 64 letters, digits, ".", "_", "+" or "-", a letter or digit first',
        ),
        (account(without=("name",)), 6, "accounts number 1: ", '"name" is missing'),
        (
            account('auth = ["telepathy"]'),
            14,
            A,
            f'"auth": "telepathy" is not known; available are {METHODS}',
        ),
        (account("auth = []"), 14, A, f'"auth": expected "auto" or a list of these: {METHODS}'),
        (
            account('auth = ["xoauth2"]'),
            14,
            A,
            '"auth": all of these methods need a token; give "token", "token_file" or "token_env"',
        ),
        (
            account('auth = ["plain"]', 'token = "geheim"', without=("password",)),
            13,
            A,
            '"auth": none of these methods takes a token; those are "oauthbearer" and "xoauth2"',
        ),
        (account('token = "geheim"'), 14, A, "there is a password, too; keep one of them"),
        (
            account('token_env = "MISSING"', without=("password",)),
            13,
            A,
            '"token_env": the environment variable MISSING is not set',
        ),
        (
            account('detect = ["capa", "ehlo"]'),
            14,
            A,
            '"detect": "ehlo" is not known; available are "capa", "auth", "banner"',
        ),
        (
            account('detect = "capa"'),
            14,
            A,
            '"detect": expected a list of these: "capa", "auth", "banner"',
        ),
        (
            account('tls_pin = "sha1:00"'),
            14,
            A,
            (
                '"tls_pin": expected "sha256:" and the 64 hex digits that '
                '"openssl x509 -noout -fingerprint -sha256" shows'
            ),
        ),
        (
            account(f'tls_pin = "{PIN}"', "tls_verify = false"),
            15,
            A,
            'tls_verify = false has no effect with "tls_pin"; remove it',
        ),
        (
            target(f'tls_pin = "{PIN}"', 'tls = "wanted"'),
            5,
            T,
            '"tls_pin": with tls = "wanted" a login in clear remains possible',
        ),
        (
            target('tls = "implicit"'),
            5,
            T,
            '"tls": expected "off", "wanted" or "required", not "implicit"',
        ),
        (
            target("connections = 0"),
            5,
            T,
            '"connections": must be at least 1',
        ),
        (
            target("connections = 1001"),
            5,
            T,
            '"connections": must be at most 1000',
        ),
        (
            target('url = "http://h"', without=("url",)),
            4,
            T,
            '"url": the scheme "http" is not known; available are smtp, smtps, lmtp and mx',
        ),
        (
            target('username = "u"'),
            2,
            T,
            'the password is missing; give "password", "password_file" or "password_env"',
        ),
        (
            target('password = "geheim"'),
            2,
            T,
            '"username" is missing, though there is a password',
        ),
        (
            target('ca_file = "no.pem"', "tls_verify = false"),
            5,
            T,
            '"ca_file" has no effect with tls_verify = false',
        ),
        ("colour = 1", 1, "", 'unknown section "colour"'),
        ("[realy]\n", 1, "", 'unknown section "realy"; did you mean "relay"?'),
        ("relay = 1\n", 1, "", '"relay" must be a table, written as [relay]'),
        ("[accounts]\n", 1, "", '"accounts" must be tables, each beginning with [[accounts]]'),
        ("[relay]\nretry_delays = []", 2, "[relay]: ", '"retry_delays": must not be empty'),
        (
            '[relay]\nretry_delays = "1m"',
            2,
            "[relay]: ",
            '"retry_delays": expected a list in [ ], not text',
        ),
        (
            '[relay]\nretry_delays = ["1m",\n "0.5s"]',
            3,
            "[relay]: ",
            '"retry_delays", value 2: must be at least 1',
        ),
        (
            '[relay]\nhelo_name = "ä b"',
            2,
            "[relay]: ",
            '"helo_name": "ä b" is no valid domain: domain is no valid international name in its normal form',
        ),
        (
            '[fetcher]\ninline_limit = "9MiB"',
            2,
            "[fetcher]: ",
            '"inline_limit": must be at most 8388608',
        ),
        ("[fetcher]\nconcurrency = -1", 2, "[fetcher]: ", '"concurrency": must be at least 0'),
        (
            '[metrics]\nlisten = "9464"',
            2,
            "[metrics]: ",
            '"listen": expected "host:port" such as "127.0.0.1:9464", or "" to switch it off',
        ),
        (
            '[log]\nlevel = "loud"',
            2,
            "[log]: ",
            '"level": expected "debug", "info", "warning" or "error", not "loud"',
        ),
        (
            '[defaults]\nname = "a"',
            2,
            "[defaults]: ",
            'unknown key "name"; did you mean "username"?',
        ),
        (
            '[defaults]\npoll = "x"',
            2,
            "[defaults]: ",
            f'"poll": {DURATION}',
        ),
    ],
)
def test_a_mistake_is_reported_in_one_sentence_with_file_line_and_key(
    file: ConfigurationFile, text: str, line: int, table: str, sentence: str
) -> None:
    assert file.problems(text) == [f"mailferry.toml:{line}: {table}{sentence}"]


def test_all_problems_are_reported_at_once_in_the_order_of_their_lines(file: ConfigurationFile) -> None:
    text = '[log]\nlevel = "loud"\n' + account(
        'retentoin = "7d"', 'poll = "x"', without=("domains", "target")
    )
    assert [problem.partition(": ")[0] for problem in file.problems(text)] == [
        "mailferry.toml:2",
        "mailferry.toml:8",
        "mailferry.toml:8",
        "mailferry.toml:14",
        "mailferry.toml:15",
    ]


def test_a_mistake_in_the_defaults_is_reported_once_and_not_for_every_account(
    file: ConfigurationFile,
) -> None:
    two = WHOLE + account().partition("\n[[accounts]]")[2].replace("catchall", "second").join(
        ["[[accounts]]", ""]
    )
    assert file.problems('[defaults]\npoll = "x"\n' + two) == [
        'mailferry.toml:2: [defaults]: "poll": expected a duration such as "90s", "15m", "4h" or "5d"'
    ]


def test_two_accounts_of_one_tenant_cannot_have_the_same_name(file: ConfigurationFile) -> None:
    assert file.problems(WHOLE + account().removeprefix(target())) == [
        f'mailferry.toml:17: {A}"name": the tenant has another account of this name'
    ]


def test_accounts_of_two_tenants_can_have_the_same_name(file: ConfigurationFile) -> None:
    other = account().removeprefix(target()).replace('"acme"', '"other"')
    assert list(file.load(WHOLE + other).accounts) == ["acme/catchall", "other/catchall"]


def test_two_targets_cannot_have_the_same_name(file: ConfigurationFile) -> None:
    assert file.problems(target() + target()) == [
        f'mailferry.toml:7: {T}"name": another target has the same name'
    ]


def test_a_target_with_a_mistake_is_not_called_undefined_as_well(file: ConfigurationFile) -> None:
    text = WHOLE.replace("smtp://", "ftp://")
    assert len(file.problems(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        account('password_file = "geheim-canary"', 'password = "geheim-canary"', without=("password",)),
        account("password = 7"),
        account('source = "pop3://u:geheim-canary@h:0"', without=("source",)),
        account('source = "pop3://u:geheim-canary@h x"', without=("source",)),
        account('source = "ftp://u:geheim-canary@h"', without=("source",)),
        account('source = "geheim-canary"', without=("source",)),
        account('password = "geheim-canary\\n"', without=("password",)),
        '[broker]\nurl = "amqq://u:geheim-canary@h"',
        '[broker]\nurl = "amqp://u:geheim-canary"',
        '[broker]\nurl = "amqp://[u:geheim-canary@h"',
        '[store]\nurl = "mysql://u:geheim-canary@h"',
    ],
)
def test_no_secret_is_ever_repeated(file: ConfigurationFile, text: str) -> None:
    problems = file.problems(text)
    assert problems
    assert "geheim-canary" not in "\n".join(problems)
