"""What a right account becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.model.account import (
    Account,
    CustodyMode,
    Dedup,
    ExistenceCheck,
    Login,
    MailboxKind,
    RetryTimes,
    Routing,
    Watch,
)
from shared.model.address import Address
from shared.model.authentication import DETECTIONS
from shared.model.endpoint import Endpoint, Tls
from shared.model.poll_interval import PollInterval
from shared.model.reading import GIB, KIB, MIB, Oversize, Pipelining, Reading
from shared.model.recipient_field import parse_recipient_field
from shared.model.retention import Retention
from shared.model.sender import SenderKind, SenderRule
from shared.model.srs import Srs
from tests.fakes.configuration import TARGET, ConfigurationFile, account

EVERY_KEY = """
[[accounts]]
tenant = "acme"
name = "everything"
source = "pop3://pop.isp.example:1110"
username = 'user "x" %@acme.example'
password = "geheim"
tls = "wanted"
tls_verify = false
auth = ["user", "plain"]
target = "exchange"
mailbox = "catch-all"
domains = { "ACME.com" = "keep", "acme.net" = "acme.local" }
recipient_headers = ["X-Envelope-To", "Received:for", "X-Recipient: acct-* <*>"]
only_recipient_headers = true
recipient_prefix = "Mbox-"
own_addresses = ["Box@isp.example"]
trusted_hosts = ["*.ISP.example", "[2001:db8::1]"]
aliases = { "Info@acme.com" = "Bob@corp.example" }
subaddresses = "strip"
sender = "relay@corp.example"
verify_recipients = "rcpt"
unknown_recipients = "Postmaster@acme.local"
surplus_copies = "suppress"
dedup = "message-id"
retention = "7d"
poll = "2m"
timeout = "90s"
retries = 5
retry_delay = 0
max_messages = 100
max_bytes = "1GiB"
max_size = "50MiB"
oversize = "park"
session_deadline = "30m"
use_top = true
pipelining = "never"
line_limit = "1KiB"
listing_limit = "1MiB"
mail_limit = "64MiB"
session_limit = "8GiB"
enabled = false
"""


def the_account(file: ConfigurationFile, text: str) -> Account:
    (account,) = file.load(text).accounts.values()
    return account


def test_every_key_has_its_effect(file: ConfigurationFile) -> None:
    assert the_account(file, TARGET + EVERY_KEY) == Account(
        tenant="acme",
        name="everything",
        protocol="pop3",
        endpoint=Endpoint("pop.isp.example", 1110, Tls.WANTED, verify=False),
        login=Login('user "x" %@acme.example', SecretStr("geheim"), ("user", "plain")),
        target="exchange",
        routing=Routing(
            MailboxKind.CATCH_ALL,
            domains={"acme.com": "keep", "acme.net": "acme.local"},
            recipient_headers=tuple(
                parse_recipient_field(field)
                for field in ("X-Envelope-To", "Received:for", "X-Recipient: acct-* <*>")
            ),
            only_recipient_headers=True,
            recipient_prefixes=("mbox-",),
            own_addresses=(Address("Box", "isp.example"),),
            trusted_hosts=("*.isp.example", "2001:db8::1"),
            aliases={Address("info", "acme.com"): Address("Bob", "corp.example")},
            strip_tags=True,
            sender=SenderRule(SenderKind.ADDRESS, Address("relay", "corp.example")),
            unknown_recipients=Address("Postmaster", "acme.local"),
            surplus_copies=False,
            dedup=Dedup.MESSAGE_ID,
            existence=ExistenceCheck.RCPT,
        ),
        retention=Retention(7),
        retry_times=RetryTimes(poll=PollInterval.every(120.0), timeout=90.0, retries=5, retry_delay=0.0),
        reading=Reading(
            max_messages=100,
            max_bytes=GIB,
            max_size=50 * MIB,
            oversize=Oversize.PARK,
            session_deadline=1800.0,
            use_top=True,
            pipelining=Pipelining.NEVER,
            line_limit=KIB,
            listing_limit=MIB,
            mail_limit=64 * MIB,
            session_limit=8 * GIB,
        ),
        enabled=False,
    )


def test_what_is_not_written_has_the_models_defaults(file: ConfigurationFile) -> None:
    found = the_account(file, account())
    assert found.retry_times == RetryTimes()
    assert found.retention == Retention(0)
    assert found.routing == Routing(MailboxKind.CATCH_ALL, domains={"acme.com": "keep"})
    assert (found.reading, found.enabled) == (Reading(), True)


def test_a_single_mailbox_delivers_to_its_recipient(file: ConfigurationFile) -> None:
    text = account('mailbox = "single"', 'recipient = "Bob@Corp.example"', without=("mailbox", "domains"))
    routing = the_account(file, text).routing
    assert routing == Routing(MailboxKind.SINGLE, recipient=Address("Bob", "corp.example"))


def test_the_tenant_is_called_default_where_none_is_named(file: ConfigurationFile) -> None:
    assert the_account(file, account(without=("tenant",))).id == "default/catchall"


@pytest.mark.parametrize(
    ("source", "lines", "tls"),
    [
        ("pop3", [], Tls.REQUIRED),
        ("pop3", ['tls = "off"'], Tls.OFF),
        ("pop3", ['tls = "wanted"'], Tls.WANTED),
        ("pop3s", [], Tls.IMPLICIT),
        ("pop3s", ['tls = "required"'], Tls.IMPLICIT),
    ],
)
def test_a_password_goes_out_in_clear_only_where_tls_says_so(
    file: ConfigurationFile, source: str, lines: list[str], tls: Tls
) -> None:
    found = the_account(file, account(f'source = "{source}://u@h"', *lines, without=("source",)))
    assert found.endpoint.tls is tls
    assert found.endpoint.verify


def test_the_defaults_hold_for_every_account_that_does_not_say_otherwise(file: ConfigurationFile) -> None:
    defaults = '[defaults]\npoll = "5m"\nretries = 9\ntenant = "shared"\n'
    found = the_account(file, defaults + account("retries = 1", without=("tenant",)))
    assert (found.retry_times.poll.shortest, found.retry_times.retries, found.tenant) == (300.0, 1, "shared")


def test_an_account_by_imap_may_be_watched_as_the_server_can_and_leave_flagged_mails_alone(
    file: ConfigurationFile,
) -> None:
    lines = ('source = "imaps://u@h"', 'poll = "1m..15m"', 'watch = "auto"', 'skip = ["deleted", "draft"]')
    found = the_account(file, account(*lines, without=("source",)))
    assert found.retry_times.poll == PollInterval(60.0, 900.0)
    assert (found.watch, found.folders.skip) == (Watch.AUTO, ("deleted", "draft"))


def test_a_default_for_the_other_kind_of_mailbox_has_no_effect_and_is_no_problem(
    file: ConfigurationFile,
) -> None:
    defaults = '[defaults]\nrecipient = "bob@corp.example"\ntls = "off"\n'
    found = the_account(file, defaults + account())
    assert found.routing.recipient is None
    assert found.endpoint.tls is Tls.IMPLICIT


def test_a_list_of_recipients_is_looked_for_beside_the_configuration(file: ConfigurationFile) -> None:
    beside = file.path.with_name("acme.txt")
    beside.write_text("bob@acme.com\n")
    text = account('verify_recipients = "file:acme.txt"', 'unknown_recipients = "park"')
    routing = the_account(file, text).routing
    assert (routing.existence, routing.recipient_list) == (ExistenceCheck.LIST, str(beside))
    assert (routing.unknown_recipients, routing.park_unknown) == (None, True)


def test_a_list_that_cannot_be_used_is_a_problem_at_the_start(file: ConfigurationFile) -> None:
    beside = file.path.with_name("acme.txt")
    text = account('verify_recipients = "file:acme.txt"', 'unknown_recipients = "park"')
    (missing,) = file.problems(text)
    assert missing.endswith(f'"verify_recipients": {beside} cannot be read: No such file or directory')
    beside.write_text("bob@acme.com\nbob\n")
    (broken,) = file.problems(text)
    assert broken.endswith(f'"verify_recipients": {beside}:2: "bob" is no address or pattern: no @ in it'), (
        broken
    )


def test_refuse_leaves_unknown_recipients_to_the_target(file: ConfigurationFile) -> None:
    assert the_account(file, account('unknown_recipients = "refuse"')).routing.unknown_recipients is None


def test_an_own_authority_is_found_beside_the_configuration(
    file: ConfigurationFile, certificate: Path
) -> None:
    found = the_account(file, account(f'ca_file = "{certificate.name}"'))
    assert found.endpoint.ca_file == str(certificate)


def test_an_authority_without_certificates_is_reported(file: ConfigurationFile, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    (problem,) = file.problems(account('ca_file = "ca.pem"'))
    assert problem.endswith(f'"ca_file": {tmp_path / "ca.pem"} holds no certificates in PEM form')


def test_an_authority_that_is_missing_is_reported(file: ConfigurationFile, tmp_path: Path) -> None:
    (problem,) = file.problems(account('ca_file = "ca.pem"'))
    assert problem.endswith(f'"ca_file": {tmp_path / "ca.pem"} cannot be read: No such file or directory')


def test_a_password_is_not_in_the_representation_of_the_configuration(file: ConfigurationFile) -> None:
    assert "geheim" not in repr(file.load(account()))


def test_a_login_by_token_has_no_password(file: ConfigurationFile) -> None:
    login = the_account(file, account('token = "ya29.geheim"', without=("password",))).login
    assert login == Login("user", SecretStr(""), token=SecretStr("ya29.geheim"))
    assert "geheim" not in repr(login)


def test_a_token_file_is_remembered_by_its_path_so_that_it_can_be_renewed(file: ConfigurationFile) -> None:
    (file.path.parent / "token").write_text("ya29.geheim\n")
    login = the_account(file, account('token_file = "token"', without=("password",))).login
    assert (login.token_file, login.token) == (str(file.path.parent / "token"), None)


def test_a_token_file_that_is_not_there_is_reported_before_anything_starts(file: ConfigurationFile) -> None:
    (problem,) = file.problems(account('token_file = "token"', without=("password",)))
    assert problem.endswith(
        '"token_file": ' + str(file.path.parent / "token") + " cannot be read: No such file or directory"
    )


def test_methods_and_detection_are_the_default_ones_where_nothing_is_written(file: ConfigurationFile) -> None:
    login = the_account(file, account()).login
    assert (login.auth, login.detect) == ((), ("capa", "auth", "banner"))


def test_detection_can_be_narrowed_down(file: ConfigurationFile) -> None:
    assert the_account(file, account('detect = ["banner"]')).login.detect == ("banner",)


def test_a_pinned_certificate_is_normalised(file: ConfigurationFile) -> None:
    endpoint = the_account(file, account(f'tls_pin = "sha256:{":".join(["AB"] * 32)}"')).endpoint
    assert endpoint.pin == "sha256:" + "ab" * 32


SRS = ('sender = "srs"', 'srs_domain = "Corp.example"')


def test_the_keys_of_srs_are_one_secret_of_which_the_first_signs(
    file: ConfigurationFile, tmp_path: Path
) -> None:
    (tmp_path / "srs.key").write_text("new-secret old-secret\n")
    found = the_account(file, account(*SRS, 'srs_key_file = "srs.key"'))
    keys = (SecretStr("new-secret"), SecretStr("old-secret"))
    assert found.routing.sender == SenderRule(SenderKind.SRS, srs=Srs("corp.example", keys))
    assert "secret" not in repr(found)


def test_the_sender_of_a_single_mailbox_can_be_chosen_too(file: ConfigurationFile) -> None:
    lines = (
        'mailbox = "single"',
        'recipient = "bob@corp.example"',
        'sender = "null"',
        'trusted_hosts = ["a"]',
    )
    routing = the_account(file, account(*lines, without=("mailbox", "domains"))).routing
    assert (routing.sender, routing.trusted_hosts) == (SenderRule(SenderKind.NULL), ("a",))


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (('sender = "srs"', 'srs_key = "long-enough"'), '"srs_domain" is missing, which "srs" needs'),
        (SRS, 'the key is missing, which "srs" needs; give "srs_key", "srs_key_file" or "srs_key_env"'),
        ((*SRS, 'srs_key = "long-enough short"'), "an SRS key has at least 8 characters"),
        (('sender = "keep"',), '"sender": expected "preserve", "null", "srs" or an address'),
        (
            ("only_recipient_headers = true",),
            '"only_recipient_headers" leaves nothing to look at; name the fields in "recipient_headers"',
        ),
        (
            ('aliases = { "a@acme.net" = "b@corp.example" }',),
            '"aliases": acme.net is not among the accepted domains',
        ),
        (
            ('recipient_headers = ["X-A", "X-B: <*"]',),
            '"recipient_headers": "X-B: <*": the < at character 6 is never closed',
        ),
    ],
)
def test_what_does_not_go_together_is_reported_with_its_key(
    file: ConfigurationFile, lines: tuple[str, ...], sentence: str
) -> None:
    (problem,) = file.problems(account(*lines))
    assert problem.endswith(f'accounts "acme/catchall": {sentence}')


BY_IMAP = ('source = "imap://imap.isp.example"', 'username = "u"')
FOR_OTHERS = """
[defaults]
use_top = true
pipelining = "always"
detect = ["banner"]
custody = "spool"
auth = ["apop", "user"]
"""


def test_the_scheme_of_the_source_names_the_protocol(file: ConfigurationFile) -> None:
    read = the_account(file, account(*BY_IMAP, without=("source",)))
    assert (read.protocol, read.endpoint) == ("imap", Endpoint("imap.isp.example", 143, Tls.REQUIRED))
    in_tls = the_account(file, account('source = "imaps://u@imap.isp.example"', without=("source",)))
    assert (in_tls.protocol, in_tls.endpoint) == ("imap", Endpoint("imap.isp.example", 993, Tls.IMPLICIT))


def test_defaults_that_are_for_pop3_do_not_apply_to_imap(file: ConfigurationFile) -> None:
    by_imap = the_account(file, FOR_OTHERS + account(*BY_IMAP, without=("source",)))
    assert (by_imap.reading, by_imap.custody) == (Reading(), CustodyMode.SOURCE)
    assert (by_imap.login.auth, by_imap.login.detect) == (("user",), DETECTIONS)
    by_pop3 = the_account(file, FOR_OTHERS + account())
    assert by_pop3.reading == Reading(use_top=True, pipelining=Pipelining.ALWAYS)
    assert (by_pop3.login.auth, by_pop3.custody) == (("apop", "user"), CustodyMode.SPOOL)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("use_top = true", '"use_top": only for POP3, as IMAP has no TOP'),
        ("use_top = false", '"use_top": only for POP3, as IMAP has no TOP'),
        ('pipelining = "never"', '"pipelining": only for POP3, as every IMAP server takes commands'),
        ('detect = ["capa", "banner"]', '"detect": only for POP3, as an IMAP server always announces'),
        ('line_limit = "1KiB"', '"line_limit": only for POP3, as a line of IMAP has 64 KiB'),
        ("detect = []", '"detect": only for POP3, as an IMAP server always announces'),
        (
            'custody = "spool"',
            '"custody": "spool" is only for POP3, as reading by IMAP hides and deletes nothing',
        ),
        ('auth = ["apop", "user"]', '"auth": "apop" is only for POP3, as IMAP has no APOP'),
    ],
)
def test_what_is_for_pop3_is_a_mistake_in_an_imap_account(
    file: ConfigurationFile, line: str, sentence: str
) -> None:
    text = account(*BY_IMAP, line, without=("source",))
    (problem,) = file.problems(text)
    at = text.splitlines().index(line) + 1
    assert problem.startswith(f'mailferry.toml:{at}: accounts "acme/catchall": {sentence}')
    assert problem.endswith("; remove it")


def test_what_both_protocols_have_may_be_written_for_both(file: ConfigurationFile) -> None:
    lines = (*BY_IMAP, 'custody = "source"', 'auth = ["plain"]', 'mail_limit = "1MiB"')
    read = the_account(file, account(*lines, without=("source",)))
    assert (read.custody, read.login.auth) == (CustodyMode.SOURCE, ("plain",))


def test_defaults_that_leave_imap_no_method_are_a_mistake_at_the_defaults(file: ConfigurationFile) -> None:
    text = '[defaults]\nauth = ["apop"]\n' + account(*BY_IMAP, without=("source",))
    (problem,) = file.problems(text)
    assert problem.startswith('mailferry.toml:2: [defaults]: "auth": "apop" is only for POP3')


@pytest.mark.parametrize(
    ("line", "begin"),
    [
        ("", "all"),
        ('begin = "now"', "now"),
        ('begin = "2026-11-01"', "2026-11-01"),
        ("begin = 2026-11-01", "2026-11-01"),
        ("begin = 2026-11-01T08:00:00+01:00", "2026-11-01T07:00:00Z"),
        ('begin = "now"\ncustody = "spool"', "now"),
    ],
)
def test_an_account_begins_with_all_mail_or_now_or_at_a_date(
    file: ConfigurationFile, line: str, begin: str
) -> None:
    assert str(file.load(account(line)).accounts["acme/catchall"].begin) == begin


def test_the_environment_can_say_when_accounts_begin(file: ConfigurationFile) -> None:
    found = file.load(account(), {"MAILFERRY_DEFAULTS__BEGIN": "2026-11-01"})
    assert str(found.accounts["acme/catchall"].begin) == "2026-11-01"
