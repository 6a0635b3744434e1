"""The release before and this one side by side on one database and one broker, with mail on its way."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from services.router.publication import routed_event
from shared.adapters.sql.schema import MIGRATIONS, PREVIOUS, known_revisions
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, Payload
from shared.custody.state import Recipient
from shared.model.message import LedgerKey, RecipientStatus
from shared.ports.store import Serving
from tests.fakes.background import in_background
from tests.fakes.command import REPOSITORY
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, copies

PARTS = ("services", "shared")
FIRST = tagged_mails("first", 20)
BOB = "bob@corp.example"
SECOND = tagged_mails("second", 20)
THIRD = tagged_mails("third", 20)


def git(*arguments: str) -> bytes:
    """The output of git in this repository; nothing where git is not available."""
    try:
        return subprocess.run(["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


@pytest.fixture
def previous_release(tmp_path: Path) -> str:
    """A directory with the code of the release before: as it was before this release's first migration."""
    first = min(each for each in known_revisions() if each > PREVIOUS)
    added = f"{(MIGRATIONS / 'versions').relative_to(REPOSITORY)}/{first}_*.py"
    commits = git("log", "--diff-filter=A", "--format=%H", "--", added).decode().split()
    archive = git("archive", "--format=zip", f"{commits[-1]}^", *PARTS) if commits else b""
    if not archive:
        pytest.skip("the repository's history, with the code of the release before, is not there")
    directory = tmp_path / "previous"
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        files.extractall(directory)
    return str(directory)


def test_two_releases_carry_mail_together_and_the_schema_is_upgraded_meanwhile(
    dovecot: Dovecot, rabbitmq_url: str, postgres_url: str, previous_release: str, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [mail.raw for mail in FIRST])
    servers = f'store.url = "{postgres_url}"\nbroker.url = "{rabbitmq_url}"'
    with in_background(SmtpServer()) as target:
        text = configuration([account("bob", dovecot.pop3_port, login)], servers=servers, target=target.port)
        with Ferry(tmp_path, text) as ferry:
            old = {"PYTHONPATH": previous_release}
            assert ferry.call("db", "upgrade", **old).code == 0
            assert ferry.call("topology", "apply", **old).code == 0
            books = Records(ferry.path)

            # Each mail passes through processes of both releases, on the schema of the one before.
            old_fetcher, new_router, old_relay = (
                ferry.start("fetcher", **old),
                ferry.start("router"),
                ferry.start("relay", **old),
            )
            old_fetcher.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            assert old_fetcher.terminate() == 0
            new_fetcher, old_router, new_relay = (
                ferry.start("fetcher").ready(),
                ferry.start("router", **old).ready(),
                ferry.start("relay").ready(),
            )
            assert (new_router.terminate(), old_relay.terminate()) == (0, 0)
            dovecot.fill(login.name, [mail.raw for mail in SECOND])
            new_fetcher.wait_until(lambda: dovecot.remaining_count(login.name) == 0)

            # The last process of the release before ends; the schema is upgraded with mail on its way.
            assert old_router.terminate() == 0
            dovecot.fill(login.name, [mail.raw for mail in THIRD])
            new_fetcher.wait_until(lambda: in_flight(books) == len(THIRD))
            assert ferry.call("db", "upgrade").code == 0
            last_router = ferry.start("router")
            new_fetcher.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            assert new_fetcher.said("the database cannot be used") == []
            everybody = (new_fetcher, last_router, new_relay)
            assert [process.terminate() for process in everybody] == [0, 0, 0]
        mails = [*FIRST, *SECOND, *THIRD]
        assert_arrived_whole(target.accepted, mails)
        assert copies(target.accepted) == {(mail.tag, "bob@corp.example"): 1 for mail in mails}
    books.assert_journal_agrees(len(mails))


READ_EVENT = """
import sys
from shared.contract.codec import EVENT_CODEC
event = EVENT_CODEC.decode(sys.stdin.buffer.read())
print(type(event).wire_name, event.message)
"""


def test_a_relay_of_the_release_before_reads_the_event_of_a_mail_of_a_source_folder(
    previous_release: str,
) -> None:
    fetched = MessageFetched(
        message="m1", tenant="acme", account="acme/box", fetch_no=1, key=LedgerKey("Sales", 7, "0000000001"),
        fetched_at=1.0, payload=Payload(octets=1, inline=b"x"),
    )  # fmt: skip
    due = (Recipient(BOB, BOB, BOB, "read from the folder Sales", RecipientStatus.OPEN, "exchange"),)
    event = routed_event(fetched, Serving("m1", "exchange", "", due, folder="Sales"))
    read = subprocess.run(
        [sys.executable, "-c", READ_EVENT],
        input=EVENT_CODEC.encode(event),
        env={"PYTHONPATH": previous_release},
        cwd=previous_release,
        capture_output=True,
        check=True,
    )
    assert read.stdout.decode().split() == ["message.routed", "m1"]


def in_flight(books: Records) -> int:
    """How many mails were read and not routed yet."""
    (state,) = json.loads(books.output_of("status", "-o", "json"))["accounts"]
    return int(state["in_flight"])
