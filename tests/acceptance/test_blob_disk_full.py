"""Fault 37: the disk for blobs is full. Nothing is fetched or deleted until there is room again."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tagged, tagged_mails
from tests.servers.available import unavailable
from tests.servers.directory import is_root
from tests.servers.dovecot import Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, copies

BOB, SPAM = "bob@corp.example", "spam@corp.example"
CATCH_ALL = ('mailbox = "catch-all"', 'domains = { "corp.example" = "keep" }')
DISK = 4 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for the blobs."""
    if not is_root():
        unavailable("only root can mount a small disk")
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", blobs], check=True)
    try:
        yield blobs
    finally:
        subprocess.run(["umount", "-l", blobs], check=True)


def test_fault_37_a_full_blob_disk_stops_fetching_deletes_nothing_and_recovers(
    small_disk: Path, tmp_path: Path
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (DISK - 64 * 1024))
    mails = [*tagged_mails("small", 5), tagged("big", body=b"0123456789abcde\r\n" * 60_000)]
    refused = tagged("refused", to=SPAM)
    everything = [*mails, refused]
    source = Pop3Server({"bob": [(each.tag, each.raw) for each in everything]})
    target = SmtpServer(recipients={SPAM: "554 5.7.1 Spam"})
    with in_background(source), in_background(target):
        text = configuration(
            [account("bob", source.port, Login("bob", "secret"), *CATCH_ALL)], target=target.port
        )
        with Ferry(tmp_path, text) as ferry:
            process = ferry.start().ready()
            process.wait_until(lambda: process.said("nothing is fetched for now"))
            process.wait_until(lambda: "is full" in process.page("/readyz")[1])
            fetched = process.metric("mailferry_fetcher_mails_fetched_total")
            visits = process.metric('mailferry_fetcher_visits_total{outcome="degraded"}')
            source.maildrops["bob"].mails.append(("late", tagged("late").raw))
            process.wait_until(
                lambda: process.metric('mailferry_fetcher_visits_total{outcome="degraded"}') >= visits + 3
            )
            assert process.metric("mailferry_fetcher_mails_fetched_total") == fetched
            assert not {"big", "refused", "late"} & set(source.deleted("bob"))

            ballast.unlink()
            process.wait_until(lambda: len(source.deleted("bob")) == len(everything) + 1)
            assert process.terminate() == 0
        records = Records(ferry.path)
        assert records.output_of("parked", "export", records.parked()["refused"]) == refused.raw
        records.assert_journal_agrees(len(everything) + 1)
    assert copies(target.accepted) == {(tag, BOB): 1 for tag in [*(mail.tag for mail in mails), "late"]}
    assert_arrived_whole(target.accepted, [*mails, tagged("late")])


LARGE = b"0123456789abcde\r\n" * 60_000
"""About 1 MB: four of them fill the disk."""


def test_fault_37_a_disk_with_room_for_each_mail_but_not_for_all_carries_them_all(
    small_disk: Path, tmp_path: Path
) -> None:
    """Two tenants, so that one does not take all the room, and one that consumes on reading."""
    assert small_disk.is_dir()
    mails = {name: [tagged(f"{name}-{number}", body=LARGE) for number in range(6)] for name in ("ann", "bob")}
    source = Pop3Server({name: [(each.tag, each.raw) for each in those] for name, those in mails.items()})
    target = SmtpServer()
    with in_background(source), in_background(target):
        accounts = [
            account("ann", source.port, Login("ann", "secret"), 'custody = "spool"'),
            account("bob", source.port, Login("bob", "secret")),
        ]
        with Ferry(tmp_path, configuration(accounts, target=target.port)) as ferry:
            process = ferry.start().ready()
            process.wait_until(
                lambda: all(len(source.deleted(name)) == len(those) for name, those in mails.items()), 90
            )
            process.wait_until(lambda: not ferry.blobs())
            assert process.terminate() == 0
        Records(ferry.path).assert_journal_agrees(12)
    assert len(copies(target.accepted)) == 12
    assert set(copies(target.accepted).values()) == {1}
    assert_arrived_whole(target.accepted, [each for those in mails.values() for each in those])


def test_fault_37_the_next_start_removes_what_a_kill_left_on_a_small_disk(
    small_disk: Path, tmp_path: Path
) -> None:
    mails = [tagged(f"large-{number}", body=LARGE) for number in range(4)]
    source = Pop3Server({"bob": [(each.tag, each.raw) for each in mails]})
    target = SmtpServer()
    with in_background(source), in_background(target):
        text = configuration([account("bob", source.port, Login("bob", "secret"))], target=target.port)
        with Ferry(tmp_path, text) as ferry:
            assert ferry.start(MAILFERRY_DIE_AT="fetcher.blob-kept:2").ended() == -signal.SIGKILL
            (small_disk / "partial" / "mail+unfinished").write_bytes(b"x" * (DISK - 3 * len(LARGE)))
            assert len(ferry.blobs()) == 3
            process = ferry.start().ready()
            assert process.said("blobs removed that an earlier process had not recorded")[0]["removed"] == 3
            process.wait_until(lambda: len(source.deleted("bob")) == len(mails))
            process.wait_until(lambda: not ferry.blobs())
            assert process.terminate() == 0
        Records(ferry.path).assert_journal_agrees(len(mails))
    assert copies(target.accepted) == {(mail.tag, BOB): 1 for mail in mails}
