"""Mails in custody, and copies, whose folder or UID changes: each is delivered once and not read again.

Most visits are made in the test's process, as each start of a program takes a second.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from services.fetcher.visit.report import Visit
from shared.adapters.sql import open_store, upgrade
from shared.model.account import Login
from shared.model.endpoint import Endpoint, Tls
from shared.model.folders import FolderSettings
from shared.model.retention import Retention
from tests.fakes.command import CATCH_ALL, configured, letter, mailferry
from tests.fakes.imap_folders import DELETED
from tests.fakes.imap_selected import header_of
from tests.fakes.imap_server import CAPABILITIES, HANG_UP, FakeImapSession, ImapServer
from tests.fakes.imap_wire import literal
from tests.fakes.smtp_server import SmtpServer
from tests.integration.imap.test_dovecot import another_client
from tests.integration.test_visits import ACCOUNT
from tests.integration.test_visits_over_imap import KEEPS, ImapWorld
from tests.servers.dovecot import Dovecot
from tests.servers.dovecot import Login as DovecotLogin

BOB = "bob@corp.example"
RELAY = 'retry_delays = ["1s"]'
MOST_VISITS = 10
"""Until a mailbox is empty in which mails are to be deleted."""


def box(*numbers: int) -> list[bytes]:
    return [letter(number, BOB) for number in numbers]


def subjects(raws: list[bytes]) -> list[int]:
    """The numbers of the letters, sorted."""
    lines = [line for raw in raws for line in raw.splitlines()]
    return sorted(int(line.split()[-1]) for line in lines if line.startswith(b"Subject: Mail "))


class ChangingWorld(ImapWorld):
    """`fetched_so_far` counts the mails that visits have fetched: one that is fetched twice arrives twice."""

    fetched_so_far = 0

    def fill(self, *numbers: int) -> None:
        for raw in box(*numbers):
            self.server.folder("u").append(raw)

    async def visited(self) -> Visit:
        """One visit, which must not fail."""
        visit = await self.visit()
        assert not visit.report.failed, visit.report.problem
        self.fetched_so_far += visit.report.fetched
        return visit

    @property
    def read(self) -> int:
        """How many commands for whole mails the server got since the last look."""
        count = sum("BODY.PEEK[]" in line for line in self.server.commands)
        self.server.commands.clear()
        return count

    async def messages(self) -> int:
        """How many mails the ledger has of the account."""
        return len(await self.store.fetcher.ledger_rows(ACCOUNT.id))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ChangingWorld]:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    async with ImapServer({"u": {"INBOX": [], "Archive": []}}) as server:
        yield ChangingWorld(store, tmp_path / "blobs", server)
    await store.close()


def use(world: ChangingWorld, dovecot: Dovecot, login: DovecotLogin) -> None:
    """Let the account be one of Dovecot."""
    world.account = replace(
        world.account,
        endpoint=Endpoint("127.0.0.1", dovecot.imap_port, Tls.OFF),
        login=Login(login.name, SecretStr(login.password)),
    )


async def test_mail_in_custody_is_recognised_under_another_uidvalidity(world: ChangingWorld) -> None:
    world.fill(1, 2, 3)
    report = (await world.visited()).report
    assert (report.fetched, report.deleted, report.waiting) == (3, 0, 3)
    world.server.folder("u").rebuild(lambda mails: mails[::-1])
    world.fill(9)
    visit = await world.visited()
    assert "3 mails have other unique ids than before" in (visit.report.problem or "")
    assert visit.report.fetched == 1
    await world.deliver(4)
    assert (await world.visited()).report.deleted == 4
    assert (world.fetched_so_far, world.server.folder("u").mails) == (4, [])
    await world.visited()
    assert await world.messages() == 0


async def test_copies_are_recognised_under_another_uidvalidity_without_being_read(
    world: ChangingWorld,
) -> None:
    world.account = replace(world.account, retention=KEEPS)
    world.fill(1, 2, 3)
    await world.visited()
    await world.deliver(3)
    await world.visited()
    world.server.folder("u").rebuild(lambda mails: mails[1:] + mails[:1])
    assert world.read > 0
    visit = await world.visited()
    assert (visit.report.fetched, world.read) == (0, 0)
    assert "3 mails have other unique ids than before" in (visit.report.problem or "")
    await world.visited()
    assert (world.fetched_so_far, await world.messages()) == (3, 3)


async def test_equal_mails_are_told_apart_by_nothing_and_each_is_delivered_once(
    world: ChangingWorld,
) -> None:
    world.fill(1, 1, 2)
    await world.visited()
    world.server.folder("u").rebuild(lambda mails: mails[::-1])
    await world.deliver(3)
    for _ in range(MOST_VISITS):
        if not (await world.visited()).report.waiting and not world.server.folder("u").mails:
            break
    assert (world.fetched_so_far, world.server.folder("u").mails) == (3, [])


async def test_a_uidvalidity_that_always_changes_is_not_relied_on_which_is_told(
    world: ChangingWorld,
) -> None:
    world.fill(1, 2)
    await world.visited()
    for _ in range(3):
        world.server.folder("u").rebuild(lambda mails: mails[::-1])
        visit = await world.visited()
        assert "not relied on" not in (visit.report.problem or "")
    await world.deliver(2)
    world.server.folder("u").rebuild()
    visit = await world.visited()
    assert "the UIDVALIDITY of INBOX has changed in 3 visits in a row" in (visit.report.problem or "")
    for _ in range(MOST_VISITS):
        if not world.server.folder("u").mails:
            break
        world.server.folder("u").rebuild()
        await world.visited()
    assert (world.fetched_so_far, world.server.folder("u").mails) == (2, [])


async def test_a_header_that_is_another_one_at_each_look_ends_in_a_sentence(world: ChangingWorld) -> None:
    looks = 0

    def noted(session: FakeImapSession) -> bytes | None:
        nonlocal looks
        if "BODY.PEEK[HEADER]" not in session.command.line:
            return None
        looks += 1
        header = header_of(world.server.folder("u").mails[0].raw)
        changed = b"X-Look: %d\r\n" % looks + header
        section = b"* 1 FETCH (UID 1 BODY[HEADER] " + literal(changed) + b")\r\n"
        return section + b"$TAG OK done\r\n"

    world.account = replace(world.account, retention=KEEPS)
    world.fill(1)
    await world.visited()
    await world.deliver(1)
    world.server.behaviours["UID FETCH"] = noted
    world.account = replace(world.account, retention=Retention(0))
    world.server.oddities.keeps = {1}
    for _ in range(5):
        await world.deliver((await world.visited()).report.fetched)
    visit = await world.visited()
    assert "neither fetched again nor deleted" in (visit.report.problem or "")
    assert (visit.report.fetched, world.fetched_so_far) == (0, 3)
    assert len(world.server.folder("u").mails) == 1


@pytest.mark.parametrize("moves", [False, True])
async def test_a_copy_that_is_marked_as_deleted_is_recognised_though_its_flag_is_skipped(
    moves: bool, world: ChangingWorld
) -> None:
    folders = ("INBOX", "Archive") if moves else ("INBOX",)
    world.account = replace(
        world.account, retention=KEEPS, folders=FolderSettings(folders=folders, skip=("deleted",))
    )
    world.fill(1, 2, 3)
    await world.visited()
    await world.deliver(3)
    await world.visited()
    source = world.server.folder("u")
    source.mail(2).flags.add(DELETED)
    if moves:
        marked = source.mail(2)
        source.remove({2})
        there = world.server.folder("u", "Archive")
        there.append(marked.raw, marked.flags)
    else:
        source.rebuild(lambda mails: mails[::-1])
        there = source
    await world.visited()
    assert await world.messages() == 3
    for mail in there.mails:
        mail.flags.discard(DELETED)
    await world.visited()
    assert (world.fetched_so_far, await world.messages()) == (3, 3)


async def test_a_uidvalidity_that_always_changes_does_not_stop_a_mailbox_with_several_folders(
    world: ChangingWorld,
) -> None:
    """Mails without lasting UIDs can only be read where no other folder is selected in between."""
    world.account = replace(
        world.account, retention=KEEPS, folders=FolderSettings(folders=("INBOX", "Archive"))
    )
    world.fill(1, 2)
    await world.visited()
    await world.deliver(2)
    for _ in range(5):
        world.server.folder("u").rebuild()
        visit = await world.visited()
        assert "not relied on" not in (visit.report.problem or "")
    world.fill(3)
    await world.visited()
    assert (world.fetched_so_far, await world.messages()) == (3, 3)


async def test_changes_of_uidvalidity_count_though_each_visit_breaks_off(world: ChangingWorld) -> None:
    world.fill(1, 2)
    await world.visited()
    await world.deliver(2)
    world.server.behaviours["UID EXPUNGE"] = HANG_UP
    for _ in range(3):
        world.server.folder("u").rebuild()
        assert (await world.visit()).report.failed
    world.server.behaviours.clear()
    world.server.folder("u").rebuild()
    visit = await world.visited()
    assert "the UIDVALIDITY of INBOX has changed in 3 visits in a row" in (visit.report.problem or "")


def lose_uids(dovecot: Dovecot, user: str) -> None:
    """Have Dovecot number the mails of INBOX anew, under another UIDVALIDITY."""
    maildir = dovecot.maildir(user)
    for path in maildir.iterdir():
        if path.name.startswith("dovecot"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def uidvalidity(dovecot: Dovecot, login: DovecotLogin) -> str:
    with another_client(dovecot, login) as other:
        return str(other.response("UIDVALIDITY")[1])


async def test_dovecot_mail_in_custody_is_recognised_when_its_uids_are_lost(
    dovecot: Dovecot, world: ChangingWorld
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, box(1, 2, 3))
    use(world, dovecot, login)
    await world.visited()
    before = uidvalidity(dovecot, login)
    while uidvalidity(dovecot, login) == before:  # it is the time, in seconds
        lose_uids(dovecot, login.name)
    visit = await world.visited()
    assert "3 mails have other unique ids than before" in (visit.report.problem or "")
    await world.deliver(3)
    assert (await world.visited()).report.deleted == 3
    assert (world.fetched_so_far, dovecot.remaining(login.name)) == (3, [])


async def test_copies_in_a_folder_of_dovecot_that_gets_another_name_are_not_delivered_again(
    dovecot: Dovecot, world: ChangingWorld
) -> None:
    login = dovecot.new_user()
    dovecot.add_folder(login.name, "Lists")
    dovecot.fill(login.name, box(1, 2), "Lists")
    dovecot.fill(login.name, box(3))
    use(world, dovecot, login)
    world.account = replace(world.account, folders=FolderSettings(folders=("*",)), retention=KEEPS)
    await world.visited()
    await world.deliver(3)
    await world.visited()
    with another_client(dovecot, login) as other:
        other.rename("Lists", "Old")
    report = (await world.visited()).report
    assert (report.fetched, report.waiting) == (0, 0)
    with another_client(dovecot, login) as other:
        other.select("Old")
        other.copy("1", "INBOX")
        other.store("1", "+FLAGS", r"(\Deleted)")
        other.expunge()
    report = (await world.visited()).report
    assert (report.fetched, report.waiting) == (0, 0)
    assert (world.fetched_so_far, await world.messages()) == (3, 3)


async def once(path: Path, code: int = 0) -> dict[str, Any]:
    """Run the whole program."""
    ended = await mailferry("once", "-c", path, "-o", "json")
    assert ended.code == code, ended.out + ended.err
    (row,) = json.loads(ended.out)
    assert isinstance(row, dict)
    return row


async def test_where_the_server_has_object_ids_no_header_is_needed_either(tmp_path: Path) -> None:
    async with ImapServer({"u": box(1, 2, 3)}) as source, SmtpServer() as target:
        source.capabilities = [*CAPABILITIES, "OBJECTID"]
        account = f'{CATCH_ALL}\ndedup = "off"\nretention = "keep"'
        path = configured(tmp_path, source=source.port, target=target.port, account=account, relay=RELAY)
        path.write_text(path.read_text().replace("pop3://u@", "imap://u@"))
        assert (await once(path))["fetched"] == 3
        source.folder("u").rebuild(lambda mails: mails[::-1])
        source.commands.clear()
        assert "3 mails have other unique ids than before" in (await once(path, code=75))["why"]
        assert [line for line in source.commands if "BODY" in line] == []
        assert subjects([mail.content for mail in target.accepted]) == [1, 2, 3]
        assert (await mailferry("journal", "verify", "-c", path)).out == "3 mails, no differences\n"
        rebuilt = await mailferry("journal", "rebuild", "-c", path, "--yes")
        assert rebuilt.code == 0, rebuilt.err
        source.folder("u").rebuild(lambda mails: mails[::-1])
        source.commands.clear()
        await once(path, code=75)
        assert [line for line in source.commands if "BODY" in line] == []
