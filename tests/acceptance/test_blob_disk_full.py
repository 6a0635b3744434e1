"""Fault 37: the blobs have no room. Nothing is fetched, nothing is deleted, and it recovers by itself."""

from __future__ import annotations

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
from tests.servers.oracle import Books, arrived_whole, copies

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
        books = Books(ferry.path)
        assert books.told("parked", "export", books.parked()["refused"]) == refused.raw
        books.agree(len(everything) + 1)
    assert copies(target.accepted) == {(tag, BOB): 1 for tag in [*(mail.tag for mail in mails), "late"]}
    arrived_whole(target.accepted, [*mails, tagged("late")])
