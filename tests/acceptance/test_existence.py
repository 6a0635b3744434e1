"""Recipients that do not exist at the target, through the whole pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.smtp_server import Act, SmtpServer
from tests.fakes.tagged import tag_of, tagged
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records

BOB, NOBODY = "bob@corp.example", "nobody@corp.example"
POSTMASTER = "postmaster@corp.example"
CATCH_ALL = (
    'mailbox = "catch-all"',
    'domains = { "corp.example" = "keep" }',
    'recipient_headers = ["X-Original-To"]',
)
TO_POSTMASTER = f'unknown_recipients = "{POSTMASTER}"'
UNKNOWN = "550 5.1.1 No such user"


class Strict(SmtpServer):
    """A target that accepts mail for the people it knows."""

    def __init__(self, *known: str) -> None:
        super().__init__()
        self.known = known

    def scripted(self, moment: str) -> str | Act | None:
        found = super().scripted(moment)
        if moment != "RCPT" or found is not None:
            return found
        return None if any(each in self.commands[-1] for each in self.known) else UNKNOWN


@dataclass(frozen=True)
class Company:
    """A mailbox, and a target that knows some people."""

    dovecot: Dovecot
    login: Login
    target: Strict
    directory: Path

    def ferry(self, *lines: str) -> Ferry:
        part = account("everybody", self.dovecot.pop3_port, self.login, *CATCH_ALL, *lines)
        return Ferry(self.directory, configuration([part], target=self.target.port))

    def post(self, tag: str, to: str) -> None:
        self.dovecot.fill(self.login.name, [tagged(tag, to=to).raw])

    def left(self) -> int:
        return self.dovecot.remaining_count(self.login.name)

    def arrived(self) -> dict[str, list[str]]:
        """The recipients that each mail reached."""
        return {tag_of(mail.content): list(mail.recipients) for mail in self.target.accepted}


@pytest.fixture
def company(dovecot: Dovecot, tmp_path: Path) -> Iterator[Company]:
    target = Strict(BOB, POSTMASTER)
    with in_background(target):
        yield Company(dovecot, dovecot.new_user(), target, tmp_path)


def output_of(ferry: Ferry, *command: str) -> str:
    """The output of a command."""
    ended = ferry.call(*command)
    assert ended.err == ""
    return ended.out


def test_the_postmaster_replaces_a_recipient_unknown_to_the_target_before_any_attempt(
    company: Company,
) -> None:
    with company.ferry('verify_recipients = "rcpt"', TO_POSTMASTER) as ferry:
        company.post("known", BOB)
        company.post("unknown", NOBODY)
        process = ferry.start().ready()
        process.wait_until(lambda: company.left() == 0)
        assert company.arrived() == {"known": [BOB], "unknown": [POSTMASTER]}
        (story,) = Records(ferry.path).stories("unknown@tags.example")
        (recipient,) = story["recipients"]
        assert (recipient["address"], recipient["attempt"]) == (POSTMASTER, 1)
        trace = output_of(ferry, "trace", "unknown@tags.example")
        assert f"{NOBODY}: does not exist: the target said {UNKNOWN}" in " ".join(trace.split())
        assert [each for each in company.target.commands if f"RCPT TO:<{NOBODY}>" in each] == [
            f"RCPT TO:<{NOBODY}>"
        ]
        assert process.terminate() == 0
        Records(ferry.path).assert_journal_agrees(2)


def test_an_unknown_recipient_is_parked_without_an_attempt_and_can_be_served_later(company: Company) -> None:
    with company.ferry('verify_recipients = "rcpt"', 'unknown_recipients = "park"') as ferry:
        company.post("unknown", NOBODY)
        process = ferry.start().ready()
        process.wait_until(lambda: company.left() == 0)
        (parked,) = json.loads(output_of(ferry, "parked", "list", "-o", "json"))
        assert UNKNOWN in parked["why"]
        output_of(ferry, "parked", "retry", parked["message"], "--to", BOB)
        process.wait_until(company.arrived)
        assert company.arrived() == {"unknown": [BOB]}
        process.wait_until(lambda: not ferry.blobs())
        assert process.terminate() == 0
        Records(ferry.path).assert_journal_agrees(1)


@pytest.mark.parametrize("trouble", [Act.HANG_UP, "451 4.3.0 Directory is away"])
def test_a_target_that_cannot_say_whether_a_recipient_exists_delays_no_mail(
    company: Company, trouble: str | Act
) -> None:
    with company.ferry('verify_recipients = "rcpt"', TO_POSTMASTER) as ferry:
        company.target.script["MAIL"] = [trouble, trouble, "250 2.1.0 Ok"]
        company.post("undecided", BOB)
        process = ferry.start().ready()
        process.wait_until(lambda: len(company.target.script["MAIL"]) == 1)
        del company.target.script["MAIL"]
        process.wait_until(lambda: company.left() == 0)
        assert company.arrived() == {"undecided": [BOB]}


def test_a_list_of_recipients_decides_and_may_change_while_it_is_used(company: Company) -> None:
    people = company.directory / "people.txt"
    people.write_text(f"{BOB}\n")
    with company.ferry('verify_recipients = "file:people.txt"', TO_POSTMASTER) as ferry:
        company.target.known = ("@corp.example",)
        company.post("before", NOBODY)
        process = ferry.start().ready()
        process.wait_until(lambda: company.left() == 0)
        people.write_text("*@corp.example\n")
        company.post("after", NOBODY)
        process.wait_until(lambda: company.left() == 0)
        people.write_text("nonsense\n")
        company.post("broken", NOBODY)
        process.wait_until(lambda: company.left() == 0)
        assert company.arrived() == {"before": [POSTMASTER], "after": [NOBODY], "broken": [NOBODY]}
        (complaint,) = process.said("recipient list not read")
        assert complaint["problem"].endswith('people.txt:1: "nonsense" is no address or pattern: no @ in it')


def test_status_shows_a_target_that_accepts_every_address(company: Company) -> None:
    company.target.known = ("@corp.example",)
    with company.ferry('verify_recipients = "rcpt"', TO_POSTMASTER) as ferry:
        company.post("one", NOBODY)
        process = ferry.start().ready()
        process.wait_until(lambda: company.left() == 0)
        company.post("two", BOB)
        process.wait_until(lambda: company.left() == 0)
        assert company.arrived() == {"one": [NOBODY], "two": [BOB]}
        (said,) = process.said("target accepts every address of a domain")
        assert (said["target"], said["domain"]) == ("exchange", "corp.example")
        (target,) = json.loads(output_of(ferry, "status", "-o", "json"))["targets"]
        assert target["accepts_all"] == ["corp.example"]
        assert "accepts every address at corp.example" in target["sentence"]
        (found,) = json.loads(output_of(ferry, "test-login", "exchange", "-o", "json"))
        assert "accepts every address at corp.example" in found["sentence"]
        company.target.known = (BOB,)
        (found,) = json.loads(output_of(ferry, "test-login", "exchange", "-o", "json"))
        assert "refuses recipients that do not exist" in found["sentence"]


def test_explain_asks_the_target_when_the_option_says_so(company: Company) -> None:
    (company.directory / "mail.eml").write_bytes(tagged("file", to=NOBODY).raw)
    command = ("explain", "mail.eml", "--account", "everybody", "-o", "json")
    with company.ferry('verify_recipients = "rcpt"', TO_POSTMASTER) as ferry:
        (unasked,) = json.loads(output_of(ferry, *command))["recipients"]
        assert (unasked["address"], company.target.connections) == (NOBODY, 0)
        answer = json.loads(output_of(ferry, *command, "--ask-target"))
        assert [each["address"] for each in answer["recipients"]] == [POSTMASTER]
        assert answer["rejected"][-1] == {
            "value": NOBODY,
            "reason": f"does not exist: the target said {UNKNOWN}",
        }
    parking = ("explain", "mail.eml", "--account", "everybody", "--ask-target")
    with company.ferry('verify_recipients = "rcpt"', 'unknown_recipients = "park"') as ferry:
        assert f"does not exist: the target said {UNKNOWN}; parked" in output_of(ferry, *parking)
