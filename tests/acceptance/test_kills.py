"""Mailferry is killed at every named step and started again: no mail is lost, and none comes twice except
where this cannot be prevented.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.command import REPOSITORY
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import Tagged, tag_of, tagged, tagged_mails
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, assert_no_duplicates, copies

CATCH_ALL = (
    'mailbox = "catch-all"',
    'domains = { "corp.example" = "keep" }',
    'unknown_recipients = "postmaster@corp.example"',
)
REFUSED, UNKNOWN = "refused@corp.example", "unknown@corp.example"
ANSWERS = {REFUSED: "554 5.7.1 Not here", UNKNOWN: "550 5.1.1 No such user"}
BIG = 20_000
PASSINGS = {
    "fetcher.mark-advanced": 1,
    "fetcher.gone-recorded": 2,
    "fetcher.blob-kept": 1,
    "fetcher.recorded": 2,
    "fetcher.published": 1,
    "fetcher.deleting-recorded": 1,
    "fetcher.deleted": 1,
    "fetcher.quit": 1,
    "router.blob-kept": 1,
    "router.recorded": 1,
    "router.published": 1,
    "router.acknowledged": 1,
    "relay.begun": 1,
    "relay.delivered": 3,
    "relay.blob-kept": 1,
    "relay.recorded": 1,
    "relay.published": 1,
    "relay.acknowledged": 1,
}
"""Every named step, and at which passing of it Mailferry dies."""
RESPOOLED = {"fetcher.respool-recorded", "fetcher.respooled"}
"""These are passed where a source hides what was read: see `test_spool`."""
BEGINNING = {"fetcher.begun", "fetcher.dates-recorded"}
"""These are passed once in an account's life: see `test_begin`."""
PASSED_SELDOM = {
    "relay.put-off",
    "relay.overdue-published",
    "consumer.buried",
    "blobs.loss-recorded",
    "standalone.leases-ended",
    "fetcher.renamed",
    "fetcher.replaced-recorded",
    "fetcher.pruned",
    "parked.discarded",
}
"""These are passed on bad days alone: see `test_kills_seldom` and `test_kills_in_the_books`."""
ROTATION = {"secrets.key-in-use", "secrets.resealed"}
"""These are passed when secrets are sealed anew: see `test_rotation`."""
RENEWAL = {"oauth.answered", "oauth.stored"}
"""These are passed when a token is renewed: see `tests/integration/oauth/test_kills.py`."""
GIVEN_BACK = {"oauth.told", "oauth.forgotten"}
"""These are passed when a sign-in is given back: see `tests/integration/oauth/test_revoking.py`."""


def moved_mails() -> list[Tagged]:
    """Mails that are to leave their source: small ones, one held in a blob, one that went in circles, one
    refused, one for nobody.
    """
    return [
        *tagged_mails("small", 5),
        tagged("big", body=b"0123456789abcde\r\n" * (BIG // 17)),
        Tagged("looping", b"Received: by a.example\r\n" * 51 + tagged("looping").raw),
        tagged("refused", to=REFUSED),
        tagged("unknown", to=UNKNOWN),
    ]


KEPT = tagged_mails("kept", 3, to="amy@corp.example")


def test_fault_34_every_named_step_is_one_at_which_a_test_kills() -> None:
    sources = [path for folder in ("services", "shared") for path in (REPOSITORY / folder).rglob("*.py")]
    named = {name for path in sources for name in re.findall(r'reached\("([^"]+)"\)', path.read_text())}
    in_oauth = RENEWAL | GIVEN_BACK
    assert named == set(PASSINGS) | RESPOOLED | BEGINNING | PASSED_SELDOM | ROTATION | in_oauth


@pytest.mark.kill
@pytest.mark.parametrize("step", PASSINGS)
def test_fault_34_a_kill_loses_no_mail_and_doubles_none_that_was_recorded(
    step: str, dovecot: Dovecot, tmp_path: Path
) -> None:
    moved = moved_mails()
    mover, keeper = dovecot.new_user(), dovecot.new_user()
    dovecot.fill(mover.name, [mail.raw for mail in moved])
    dovecot.fill(keeper.name, [mail.raw for mail in KEPT])
    with (
        in_background(SmtpServer(recipients=ANSWERS)) as target,
        Ferry(tmp_path, _configuration(dovecot.pop3_port, mover, keeper, target.port)) as ferry,
    ):
        assert ferry.start(MAILFERRY_DIE_AT=f"{step}:{PASSINGS[step]}").ended() == -signal.SIGKILL
        again = ferry.start().ready()
        wanted = {mail.tag for mail in [*moved, *KEPT]} - {"refused", "looping"}
        again.wait_until(
            lambda: (
                dovecot.remaining_count(mover.name) == 0
                and {tag_of(mail.content) for mail in target.accepted} == wanted
            )
        )
        assert again.terminate() == 0

    records = Records(ferry.path)
    records.assert_journal_agrees(len(moved) + len(KEPT))
    raw = {mail.tag: mail.raw for mail in moved}
    assert set(records.parked()) == {"refused", "looping"}
    for tag, message in records.parked().items():
        assert records.output_of("parked", "export", message) == raw[tag]
    assert dovecot.remaining(keeper.name) == [mail.raw for mail in KEPT]
    assert_arrived_whole(target.accepted, [*moved, *KEPT])
    doubts = records.in_doubt(["bob@corp.example", "amy@corp.example", UNKNOWN])
    arrived = copies(target.accepted)
    arrived[("unknown", UNKNOWN)] = arrived.pop(("unknown", "postmaster@corp.example"))
    assert_no_duplicates(arrived, doubts)
    assert max(arrived.values()) <= 2
    if step == "relay.delivered":
        assert doubts.total() > 0


def _configuration(port: int, mover: Login, keeper: Login, target: int) -> str:
    accounts = [
        account("mover", port, mover, *CATCH_ALL),
        account("keeper", port, keeper, *CATCH_ALL, 'retention = "keep"'),
    ]
    return configuration(
        accounts, target=target, fetcher='window_messages = 4\ninline_limit = "8KiB"', connections=2
    )
