"""A catch-all mailbox through the whole pipeline, to a target that refuses some mails and defers others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import Act, SmtpServer
from tests.fakes.tagged import Tagged, lf, tag_of, untraced
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records
from tests.servers.ports import LOOPBACK

CATCH_ALL = (
    'mailbox = "catch-all"',
    'domains = { "corp.example" = "keep", "corp.test" = "corp.example" }',
    'unknown_recipients = "postmaster@corp.example"',
)
CANARY = "canary-Zr4x"
POSTMASTER, UNKNOWN = "postmaster@corp.example", "unknown@corp.example"
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Pipeline:
    """A running Mailferry between a mailbox and a target."""

    ferry: Ferry
    process: FerryProcess
    dovecot: Dovecot
    login: Login
    target: SmtpServer

    def post(self, *mails: Tagged) -> None:
        """Puts mails into the mailbox."""
        self.dovecot.fill(self.login.name, [mail.raw for mail in mails])

    def arrived(self, tag: str) -> Counter[str]:
        """The recipients of the accepted copies of a mail."""
        copies = [mail for mail in self.target.accepted if tag_of(mail.content) == tag]
        return Counter(recipient for mail in copies for recipient in mail.recipients)

    def status(self, tag: str, address: str) -> str:
        """What became of a recipient so far."""
        (story,) = self.records.stories(f"{tag}@tags.example")
        (status,) = [each["status"] for each in story["recipients"] if each["address"] == address]
        return str(status)

    def content(self, tag: str) -> bytes:
        """The text of the one copy of a mail, without what Mailferry put on top."""
        (content,) = [mail.content for mail in self.target.accepted if tag_of(mail.content) == tag]
        return untraced(content)

    def wait_for_departure(self) -> None:
        """Until the source is empty."""
        self.process.wait_until(lambda: self.dovecot.remaining_count(self.login.name) == 0)

    @property
    def records(self) -> Records:
        return Records(self.ferry.path)


@pytest.fixture(scope="module")
def pipeline(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    login = dovecot.new_user()
    target = SmtpServer(recipients={UNKNOWN: "550 5.1.1 No such user"}, users={"ferry": CANARY})
    with in_background(target):
        exchange = f"""
[[targets]]
name = "exchange"
url = "smtp://{LOOPBACK}:{target.port}"
tls = "off"
username = "ferry"
password = "{CANARY}"
"""
        parts = [exchange, account("everybody", dovecot.pop3_port, login, *CATCH_ALL)]
        with Ferry(tmp_path_factory.mktemp("pipeline"), configuration(parts), database=False) as ferry:
            process = ferry.start().ready()
            yield Pipeline(ferry, process, dovecot, login, target)
            assert process.terminate() == 0
            assert CANARY not in process.output


def written(tag: str, *lines: str, body: bytes = b"Hello\r\n") -> Tagged:
    """A mail with these header lines."""
    header = (
        f"Message-ID: <{tag}@tags.example>",
        "Date: Mon, 02 Mar 2026 09:30:00 +0100",
        "From: sender@elsewhere.example",
        f"X-Tag: {tag}",
        *lines,
    )
    return Tagged(tag, "\r\n".join([*header, "", ""]).encode() + body)


def test_three_copies_of_a_mail_for_three_recipients_give_each_one_copy(pipeline: Pipeline) -> None:
    three = {f"{name}@corp.example" for name in ("amy", "bob", "cas")}
    mail = written("three", f"To: {', '.join(sorted(three))}")
    pipeline.post(mail, mail, mail)
    pipeline.wait_for_departure()
    assert pipeline.arrived("three") == Counter(three)


def test_copies_that_a_provider_marked_for_their_recipients_reach_those(pipeline: Pipeline) -> None:
    three = {f"{name}@corp.example" for name in ("dan", "eve", "fay")}
    everybody = f"To: {', '.join(sorted(three))}"
    pipeline.post(*(written("marked", f"Delivered-To: {each}", everybody) for each in sorted(three)))
    pipeline.wait_for_departure()
    assert pipeline.arrived("marked") == Counter(three)


def test_a_domain_is_translated(pipeline: Pipeline) -> None:
    pipeline.post(written("translated", "X-Original-To: amy@corp.test"))
    pipeline.wait_for_departure()
    assert pipeline.arrived("translated") == Counter(["amy@corp.example"])


def test_the_postmaster_gets_mail_for_a_recipient_unknown_to_the_target(pipeline: Pipeline) -> None:
    pipeline.post(written("for-unknown", f"X-Original-To: {UNKNOWN}"))
    pipeline.wait_for_departure()
    assert pipeline.arrived("for-unknown") == Counter([POSTMASTER])


def test_each_recipient_of_a_mail_has_the_outcome_that_the_target_gives_it(pipeline: Pipeline) -> None:
    busy, target = "busy@corp.example", pipeline.target
    target.recipients[busy] = "451 4.2.2 Later"
    pipeline.post(written("mixed", f"To: amy@corp.example, {UNKNOWN}, {busy}"))
    pipeline.process.wait_until(lambda: pipeline.arrived("mixed").keys() == {"amy@corp.example", POSTMASTER})
    pipeline.process.wait_until(lambda: pipeline.status("mixed", busy) == "deferred")
    assert pipeline.dovecot.remaining_count(pipeline.login.name) == 1
    del target.recipients[busy]
    pipeline.wait_for_departure()
    assert pipeline.arrived("mixed") == Counter(["amy@corp.example", POSTMASTER, busy])


def test_recipients_of_other_domains_get_nothing(pipeline: Pipeline) -> None:
    foreign = "stranger@foreign.example"
    pipeline.post(
        written("partly-foreign", f"To: amy@corp.example, {foreign}", "Cc: other@foreign.example"),
        written("wholly-foreign", f"To: {foreign}", f"X-Original-To: {foreign}"),
    )
    pipeline.wait_for_departure()
    assert pipeline.arrived("partly-foreign") == Counter(["amy@corp.example"])
    assert pipeline.arrived("wholly-foreign") == Counter([POSTMASTER])
    assert [command for command in pipeline.target.commands if "foreign.example" in command] == []


def test_a_huge_mail_arrives_whole_and_leaves_no_blob_behind(pipeline: Pipeline) -> None:
    line = bytes(range(33, 127)).replace(b".", b"\xe4") + b"\r\n.\r\n..dots\r\n"
    huge = written("huge", "X-Original-To: amy@corp.example", body=line * (5 * MEGABYTE // len(line)))
    pipeline.post(huge)
    pipeline.wait_for_departure()
    assert pipeline.content("huge") == lf(huge.raw)
    pipeline.process.wait_until(lambda: not pipeline.ferry.blobs())


def test_a_refused_mail_is_parked_and_leaves_its_source_and_can_be_delivered_later(
    pipeline: Pipeline,
) -> None:
    pipeline.target.script["CONTENT"] = ["554 5.7.1 Looks like spam"]
    refused = written("refused", "X-Original-To: amy@corp.example", body=b"\xfc.\r\n.\r\n")
    pipeline.post(refused)
    pipeline.wait_for_departure()
    assert pipeline.arrived("refused") == Counter()
    (blob,) = pipeline.ferry.blobs()
    assert blob.read_bytes() == refused.raw
    parked = pipeline.records.parked()["refused"]

    del pipeline.target.script["CONTENT"]
    retried = pipeline.ferry.call("parked", "retry", parked)
    assert (retried.code, retried.err) == (0, "")
    pipeline.process.wait_until(lambda: pipeline.arrived("refused") and not pipeline.ferry.blobs())
    assert pipeline.arrived("refused") == Counter(["amy@corp.example"])
    assert pipeline.content("refused") == lf(refused.raw)
    assert pipeline.records.parked() == {}


def test_a_connection_that_breaks_after_the_content_counts_as_in_doubt(pipeline: Pipeline) -> None:
    pipeline.target.script["CONTENT"] = [Act.RESET, "250 2.0.0 Accepted"]
    pipeline.post(written("doubtful", "X-Original-To: amy@corp.example"))
    pipeline.wait_for_departure()
    seen = [mail.content for mail in pipeline.target.seen if tag_of(mail.content) == "doubtful"]
    assert len({content.partition(b"\r\n")[0] for content in seen}) == 1
    assert (len(seen), pipeline.arrived("doubtful")) == (2, Counter(["amy@corp.example"]))
    assert pipeline.records.in_doubt(["amy@corp.example"])["doubtful", "amy@corp.example"] == 1
    assert pipeline.process.metric("mailferry_relay_in_doubt_total") == 1


def test_line_ends_that_could_smuggle_a_second_mail_arrive_inside_the_first(pipeline: Pipeline) -> None:
    smuggler = written(
        "smuggler",
        "X-Original-To: amy@corp.example",
        body=b"one\n.\nMAIL FROM:<>\r\n\r.\rtwo\n.\r\nthree\r\n.\nfour\0five\r\n",
    )
    pipeline.post(smuggler)
    pipeline.wait_for_departure()
    assert pipeline.arrived("smuggler") == Counter(["amy@corp.example"])
    (sent,) = [mail.content for mail in pipeline.target.accepted if tag_of(mail.content) == "smuggler"]
    assert lf(untraced(sent)).replace(b"\r", b"\n") == lf(smuggler.raw).replace(b"\r", b"\n")
    assert re.findall(rb"[^\r]\n|\r[^\n]", sent) == []


def test_the_journal_agrees_with_the_tables_afterwards(pipeline: Pipeline) -> None:
    pipeline.wait_for_departure()
    assert b"no differences" in pipeline.records.output_of("journal", "verify")
