"""Targets refuse, defer and break off: each recipient has an outcome of its own, and no mail is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import Act, SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged, tagged_mails, untraced
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, copies
from tests.servers.ports import free_port

BOB, UNKNOWN, LATE = "bob@corp.example", "unknown@corp.example", "late@corp.example"
POSTMASTER = "postmaster@corp.example"
LOGIN = Login("bob", "secret")
CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }')


@dataclass(frozen=True, slots=True)
class Crossing:
    """A Mailferry that runs between a source with some mails and a target."""

    source: Pop3Server
    process: FerryProcess
    records: Records

    def outcomes(self, status: str) -> float:
        return self.process.metric(f'mailferry_relay_outcomes_total{{status="{status}"}}')

    def until_deleted(self, count: int) -> None:
        self.process.wait_until(lambda: len(self.source.deleted("bob")) == count)


@contextmanager
def crossing(
    directory: Path,
    mails: Sequence[Tagged],
    target: SmtpServer,
    *lines: str,
    rules: str = "",
    scheme: str = "smtp",
) -> Iterator[Crossing]:
    source = Pop3Server({"bob": [(each.tag, each.raw) for each in mails]})
    with in_background(source), in_background(target):
        # The rules belong to the target, which is the last table before the accounts.
        text = configuration([rules, account("bob", source.port, LOGIN, *lines)], target=target.port)
        with Ferry(directory, text.replace('"smtp://', f'"{scheme}://')) as ferry:
            process = ferry.start().ready()
            yield Crossing(source, process, Records(ferry.path))
            assert process.terminate() == 0


@pytest.mark.parametrize("postmaster", [True, False])
def test_fault_26_three_answers_to_three_recipients_have_three_ends(tmp_path: Path, postmaster: bool) -> None:
    mail = tagged("mixed", to=f"{BOB}, {UNKNOWN}, {LATE}")
    target = SmtpServer(recipients={UNKNOWN: "550 5.1.1 No such user", LATE: "451 4.7.1 Come back later"})
    unknown = f'unknown_recipients = "{POSTMASTER if postmaster else "refuse"}"'
    with crossing(tmp_path, [mail], target, *CATCH_ALL, unknown) as ferry:
        ferry.process.wait_until(lambda: ferry.outcomes("deferred") >= 2 + postmaster)
        assert ferry.source.deleted("bob") == []
        del target.recipients[LATE]
        ferry.until_deleted(1)
        parked = ferry.records.parked()
        ferry.records.assert_journal_agrees(1)
        (story,) = ferry.records.stories(BOB)
    assert copies(target.accepted) == {
        ("mixed", each): 1 for each in (BOB, LATE, *([POSTMASTER] if postmaster else []))
    }
    assert_arrived_whole(target.accepted, [mail])
    assert parked.keys() == ({} if postmaster else {"mixed": ""}).keys()
    ends = {each["address"]: each["status"] for each in story["recipients"]}
    assert ends == {BOB: "delivered", LATE: "delivered", UNKNOWN: "delivered" if postmaster else "parked"}


def test_fault_24_a_reset_after_the_final_dot_is_in_doubt_and_the_retry_has_the_same_id(
    tmp_path: Path,
) -> None:
    mail = tagged("doubt")
    target = SmtpServer(replies={"CONTENT": [Act.RESET, "250 2.0.0 Taken"]})
    with crossing(tmp_path, [mail], target) as ferry:
        ferry.until_deleted(1)
        assert ferry.process.metric("mailferry_relay_in_doubt_total") == 1
        assert ferry.records.in_doubt([BOB]) == {("doubt", BOB): 1}
    assert copies(target.accepted) == {("doubt", BOB): 1}
    assert_arrived_whole(target.seen, [mail])
    assert len(target.seen) == 2


@pytest.mark.parametrize("answer", ["552 5.3.4 Too large", "554 5.7.1 Spam, says the filter", "554 No"])
def test_a_mail_refused_after_its_content_is_parked_with_the_targets_words(
    tmp_path: Path, answer: str
) -> None:
    (mail,) = tagged_mails("refused", 1)
    with crossing(tmp_path, [mail], SmtpServer(replies={"CONTENT": answer})) as ferry:
        ferry.until_deleted(1)
        (message,) = ferry.records.parked().values()
        assert ferry.records.output_of("parked", "export", message) == mail.raw
        assert answer in ferry.records.output_of("parked", "show", message).decode()
        ferry.process.wait_until(lambda: ferry.process.metric("mailferry_parked_recipients") == 1)


def test_greylisting_for_three_tries_delivers_once(tmp_path: Path) -> None:
    mails = tagged_mails("grey", 3)
    target = SmtpServer(recipients={BOB: "451 4.7.1 Greylisted"})
    with crossing(tmp_path, mails, target) as ferry:
        ferry.process.wait_until(lambda: ferry.outcomes("deferred") >= 3 * len(mails))
        assert ferry.source.deleted("bob") == []
        target.recipients.clear()
        ferry.until_deleted(len(mails))
    assert copies(target.accepted) == {(mail.tag, BOB): 1 for mail in mails}
    assert_arrived_whole(target.accepted, mails)


def test_fault_29_a_target_without_extensions_gets_every_mail_undamaged_or_the_mail_is_parked(
    tmp_path: Path,
) -> None:
    mails = tagged_mails("plain", 12)
    target = SmtpServer(keywords=())
    with crossing(tmp_path, mails, target) as ferry:
        ferry.until_deleted(len(mails))
        parked = ferry.records.parked()
        kept = {tag: ferry.records.output_of("parked", "export", message) for tag, message in parked.items()}
    arrived = {tag_of(mail.content) for mail in target.accepted}
    assert arrived | parked.keys() == {mail.tag for mail in mails}
    assert not arrived & parked.keys()
    assert {mail.tag for mail in mails if mail.raw.isascii()} <= arrived
    assert kept == {mail.tag: mail.raw for mail in mails if mail.tag in parked}
    assert all(mail.content.isascii() for mail in target.accepted)
    whole = {mail.tag: mail.raw.replace(b"\r\n", b"\n") for mail in mails if mail.raw.isascii()}
    assert {tag_of(each.content): untraced(each.content) for each in target.accepted}.items() >= whole.items()


def test_fault_27_an_answer_for_each_recipient_after_the_content_retries_only_the_deferred_ones(
    tmp_path: Path,
) -> None:
    mail = tagged("both", to=f"{BOB}, {LATE}")
    target = SmtpServer(
        lmtp=True, replies={"CONTENT": ["250 2.0.0 Ok", "452 4.2.2 Mailbox full", "250 2.0.0 Ok"]}
    )
    with crossing(tmp_path, [mail], target, *CATCH_ALL, scheme="lmtp") as ferry:
        ferry.until_deleted(1)
        (story,) = ferry.records.stories(LATE)
    assert [recipient for recipient, _ in target.delivered] == [BOB, LATE]
    assert [each.recipients for each in target.seen] == [(BOB, LATE), (LATE,)]
    attempts = {each["address"]: each["attempt"] for each in story["recipients"]}
    assert attempts == {BOB: 1, LATE: 2}


def test_a_rule_of_the_target_discards_matching_refusals_and_parks_the_rest(tmp_path: Path) -> None:
    mails = [tagged("junk", to=UNKNOWN), tagged("late", to=LATE)]
    target = SmtpServer(recipients={UNKNOWN: "554 5.7.1 Known junk", LATE: "554 5.7.2 Not you"})
    rules = '\n[[targets.rules]]\ncode = "554 5.7.1"\naction = "discard"\n'
    with crossing(tmp_path, mails, target, *CATCH_ALL, rules=rules) as ferry:
        ferry.until_deleted(2)
        assert ferry.records.parked().keys() == {"late"}
        ferry.records.assert_journal_agrees(2)
        (story,) = ferry.records.stories(UNKNOWN)
    assert [each["status"] for each in story["recipients"]] == ["discarded"]
    assert target.accepted == []


def test_fault_28_mail_for_a_target_that_is_down_for_long_stays_at_the_source_and_delays_no_other(
    tmp_path: Path,
) -> None:
    held, carried = tagged_mails("held", 300), tagged_mails("carried", 100)
    stuck = Pop3Server({"stuck": [(each.tag, each.raw) for each in held]})
    free = Pop3Server({"free": [(each.tag, each.raw) for each in carried[:50]]})
    late, target = SmtpServer(), SmtpServer()
    late.port = free_port()
    with in_background(stuck), in_background(free), in_background(target):
        away = f"""
[[targets]]
name = "away"
url = "smtp://127.0.0.1:{late.port}"
tls = "off"
"""
        accounts = [
            account("stuck", stuck.port, Login("stuck", "secret"), 'target = "away"'),
            account("free", free.port, Login("free", "secret")),
        ]
        text = configuration([away, *accounts], target=target.port, fetcher="window_messages = 20")
        with Ferry(tmp_path, text) as ferry:
            process, records = ferry.start().ready(), Records(ferry.path)
            process.wait_until(lambda: process.metric("mailferry_relay_targets_out") == 1)
            process.wait_until(lambda: "out of reach" in _colour(records, "accounts", "acme/stuck")[1])
            attempts = process.metric("mailferry_relay_attempts_total")
            process.wait_until(lambda: len(free.deleted("free")) == 50)
            free.maildrops["free"].mails += [(each.tag, each.raw) for each in carried[50:]]
            process.wait_until(lambda: len(free.deleted("free")) == 100)
            # The mail in our hands is not tried while the way to its target is only probed.
            assert process.metric("mailferry_relay_attempts_total") <= attempts + 50 + 25
            assert stuck.deleted("stuck") == []
            assert process.metric("mailferry_fetcher_mails_fetched_total") <= 100 + 40
            status, body = process.page("/readyz")
            assert (status, "away is out of reach" in body) == (200, True)
            colour, sentence = _colour(records, "targets", "away")
            assert (colour, "out of reach since" in sentence) == ("red", True)
            assert "Connection refused" in sentence
            assert _colour(records, "accounts", "acme/free")[0] == "green"

            with in_background(late):
                process.wait_until(lambda: len(stuck.deleted("stuck")) == 300)
                process.wait_until(lambda: process.metric("mailferry_relay_targets_out") == 0)
                assert process.terminate() == 0
            records.assert_journal_agrees(400)
    assert copies(late.accepted) == {(mail.tag, "stuck@corp.example"): 1 for mail in held}
    assert copies(target.accepted) == {(mail.tag, "free@corp.example"): 1 for mail in carried}
    assert_arrived_whole(late.accepted, held)


def _colour(records: Records, kind: str, name: str) -> tuple[str, str]:
    """Colour and sentence of an account or a target."""
    rows = json.loads(records.output_of("status", "-o", "json"))[kind]
    (row,) = (each for each in rows if name in (each.get("account"), each.get("target")))
    return row["colour"], row["sentence"]
