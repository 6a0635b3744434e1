"""The release before and this one side by side on one database and one broker, with mail on its way."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from shared.adapters.sql.schema import MIGRATIONS, PREVIOUS, known_revisions
from tests.fakes.background import in_background
from tests.fakes.command import REPOSITORY
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged, tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import EMBEDDED, account, configuration
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

            # The schema is upgraded, and the file applied, under processes of the release before.
            old_fetcher, old_router = ferry.start("fetcher", **old), ferry.start("router", **old)
            old_fetcher.wait_until(lambda: old_fetcher.said("started") and old_router.said("started"))
            assert ferry.call("db", "upgrade").code == 0
            new_relay = ferry.start("relay").ready()
            old_fetcher.wait_until(lambda: dovecot.remaining_count(login.name) == 0)

            # Those who read events are replaced before those who write them: relays, routers, fetchers.
            assert old_router.terminate() == 0
            dovecot.fill(login.name, [mail.raw for mail in SECOND])
            old_fetcher.wait_until(lambda: in_flight(books) == len(SECOND))
            new_router = ferry.start("router").ready()
            old_fetcher.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            assert old_fetcher.terminate() == 0
            new_fetcher = ferry.start("fetcher").ready()
            dovecot.fill(login.name, [mail.raw for mail in THIRD])
            new_fetcher.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            everybody = (new_fetcher, new_router, new_relay)
            assert [process.terminate() for process in everybody] == [0, 0, 0]
        mails = [*FIRST, *SECOND, *THIRD]
        assert_arrived_whole(target.accepted, mails)
        assert copies(target.accepted) == {(mail.tag, "bob@corp.example"): 1 for mail in mails}
    books.assert_journal_agrees(len(mails))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_an_installation_of_the_release_before_comes_over_with_one_start(
    dovecot: Dovecot, request: pytest.FixtureRequest, previous_release: str, tmp_path: Path, database: str
) -> None:
    """With mail that is kept at its source, and mail that is in custody and not delivered yet."""
    login = dovecot.new_user()
    servers = EMBEDDED
    if database == "postgresql":
        urls = [request.getfixturevalue(each) for each in ("postgres_url", "rabbitmq_url")]
        servers = f'store.url = "{urls[0]}"\nbroker.url = "{urls[1]}"'
    kept, waiting, new = (tagged(each) for each in ("kept", "waiting", "new"))
    with in_background(SmtpServer()) as target:
        bob = account("bob", dovecot.pop3_port, login, 'retention = "keep"')
        text = configuration([bob], servers=servers, target=target.port)
        with Ferry(tmp_path, text, database=False) as ferry:
            old = {"PYTHONPATH": previous_release}
            assert ferry.call("db", "upgrade", **old).code == 0
            if database == "postgresql":
                assert ferry.call("topology", "apply", **old).code == 0
            before = ferry.start("run", **old)
            dovecot.fill(login.name, [kept.raw])
            before.wait_until(lambda: arrived(target) == [kept.tag])
            target.recipients[BOB] = "451 4.2.0 later"
            dovecot.fill(login.name, [waiting.raw])
            before.wait_until(lambda: sum(each.startswith("RCPT") for each in target.commands) > 1)
            assert before.terminate() == 0
            target.recipients.clear()

            assert ferry.call("db", "upgrade").code == 0
            after = ferry.start("run").ready()
            after.wait_until(lambda: arrived(target) == [kept.tag, waiting.tag])
            dovecot.fill(login.name, [new.raw])
            after.wait_until(lambda: len(target.accepted) == 3)
            shown = json.loads(ferry.call("status", "-o", "json").out)
            assert [row["colour"] for row in shown["accounts"]] == ["green"]
            epoch = json.loads(ferry.call("epoch", "show", "-o", "json").out)
            assert epoch["paused_since"] is None
            assert after.terminate() == 0
            assert ferry.call("apply").out.endswith("nothing to change\n")
        assert arrived(target) == sorted([kept.tag, waiting.tag, new.tag])
        assert dovecot.remaining_count(login.name) == 3


def arrived(target: SmtpServer) -> list[str]:
    """The tags of the mails that the target accepted."""
    return sorted(tag_of(mail.content) for mail in target.accepted)


def in_flight(books: Records) -> int:
    """How many mails were read and not routed yet."""
    (state,) = json.loads(books.output_of("status", "-o", "json"))["accounts"]
    return int(state["in_flight"])
