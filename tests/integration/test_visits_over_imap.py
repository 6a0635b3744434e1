"""Visits to a scripted IMAP server that is wrong, or in which other clients act, with the real ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from typing_extensions import override

from services.fetcher.mailboxes.opening import open_source
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.visiting import Visitor
from shared.adapters.sql import open_store, upgrade
from shared.adapters.sql.store import SqlStore
from shared.model.account import Login
from shared.model.endpoint import Endpoint, Tls
from shared.model.folders import FolderSettings, Removal, RemovalKind
from shared.model.retention import DAY, Retention
from tests.fakes.imap_folders import DELETED
from tests.fakes.imap_server import FakeImapSession, ImapServer
from tests.fakes.tagged import tag_of, tagged_mails
from tests.integration.test_visits import ACCOUNT, World

MAILS = tagged_mails("mail", 3)
ARCHIVE = FolderSettings(removal=Removal(RemovalKind.MOVE, "Archive"))
KEEPS = Retention(None)


class ImapWorld(World):
    """An account whose mailbox is opened anew for each visit."""

    def __init__(self, store: SqlStore, directory: Path, server: ImapServer) -> None:
        super().__init__(store, directory)
        self.server = server
        self.account = replace(
            ACCOUNT,
            protocol="imap",
            endpoint=Endpoint("127.0.0.1", server.port, Tls.OFF),
            login=Login("u", SecretStr("secret")),
        )

    @override
    def _visitor(self, limits: Limits) -> Visitor:
        return replace(super()._visitor(limits), open_mailbox=open_source)

    def tags(self, folder: str = "INBOX") -> list[str]:
        return [tag_of(mail.raw) for mail in self.server.folder("u", folder).mails]

    async def fetch(self, count: int) -> None:
        """Have mails fetched and delivered."""
        visit = await self.visit()
        assert (visit.report.fetched, visit.report.failed) == (count, False)
        await self.deliver(count)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ImapWorld]:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    raws = [mail.raw for mail in MAILS]
    async with ImapServer({"u": {"INBOX": raws, "Archive": [], "Lists": []}}) as server:
        yield ImapWorld(store, tmp_path / "blobs", server)
    await store.close()


TAGS = [mail.tag for mail in MAILS]


async def test_mails_that_can_be_copied_and_not_deleted_are_copied_once(world: ImapWorld) -> None:
    world.account = replace(world.account, folders=ARCHIVE)
    world.server.capabilities.remove("MOVE")
    world.server.behaviours["UID STORE"] = b"$TAG NO [NOPERM] flags are not for you\r\n"
    await world.fetch(3)
    for _ in range(3):
        visit = await world.visit()
        assert (visit.report.deleted, "flags are not for you" in (visit.report.problem or "")) == (0, True)
    assert (world.tags(), world.tags("Archive")) == (TAGS, TAGS)
    del world.server.behaviours["UID STORE"]
    assert (await world.visit()).report.deleted == 3
    assert (world.tags(), world.tags("Archive")) == ([], TAGS)


async def test_mails_that_are_copied_and_only_seem_to_be_deleted_are_copied_once(world: ImapWorld) -> None:
    world.account = replace(world.account, folders=ARCHIVE)
    world.server.capabilities.remove("MOVE")
    world.server.oddities.keeps = {1, 2, 3}
    await world.fetch(3)
    for _ in range(3):
        assert (await world.visit()).report.deleted == 0
    assert (world.tags(), world.tags("Archive")) == (TAGS, TAGS)


async def test_what_was_copied_is_known_after_a_visit_that_broke_off(world: ImapWorld) -> None:
    world.account = replace(world.account, folders=ARCHIVE)
    world.server.capabilities.remove("MOVE")
    await world.fetch(3)

    def hang_up(session: FakeImapSession) -> bytes:
        del world.server.behaviours["UID STORE"]
        session.hang_up()
        return b""

    world.server.behaviours["UID STORE"] = hang_up
    assert (await world.visit()).report.failed
    assert (await world.visit()).report.deleted == 3
    assert (world.tags(), world.tags("Archive")) == ([], TAGS)


@pytest.mark.parametrize("without", ["MOVE", ""])
async def test_a_settled_mail_that_another_client_marked_as_deleted_is_moved_like_the_others(
    without: str, world: ImapWorld
) -> None:
    world.account = replace(world.account, folders=ARCHIVE)
    world.server.capabilities = [each for each in world.server.capabilities if each != without]
    await world.fetch(3)
    world.server.folder("u").mail(2).flags.add(DELETED)
    assert (await world.visit()).report.deleted == 3
    assert (world.tags(), world.tags("Archive")) == ([], TAGS)


@asynccontextmanager
async def lying(server: ImapServer, *verbs: str) -> AsyncIterator[None]:
    """Have these commands answered as they are now, whatever comes."""
    told: dict[str, bytes] = {}

    def behave(session: FakeImapSession) -> bytes:
        answer = session.honest()
        data, tag, end = answer.rpartition(session.command.tag.encode())
        return told.setdefault(session.command.line, data) + tag + end

    for verb in verbs:
        server.behaviours[verb] = behave
    yield
    server.behaviours.clear()


@pytest.mark.parametrize("folders", [("INBOX",), ("INBOX", "Lists")])
async def test_new_mail_behind_a_status_that_lies_is_fetched_within_a_day(
    folders: tuple[str, ...], world: ImapWorld
) -> None:
    world.account = replace(world.account, folders=FolderSettings(folders=folders), retention=KEEPS)
    await world.fetch(3)
    await world.visit()
    async with lying(world.server, "LIST", "STATUS", "EXAMINE"):
        await world.visit()
        (late,) = tagged_mails("late", 1)
        world.server.folder("u", folders[-1]).append(late.raw)
        assert (await world.visit()).report.fetched == 0
        world.clock.ahead = DAY + 1
        await world.fetch(1)
    assert not (await world.visit()).report.failed
    assert [row.key.folder for row in await world.store.fetcher.ledger_rows(ACCOUNT.id)].count(
        folders[-1]
    ) >= 1


async def test_a_mail_that_went_behind_a_status_that_lies_is_seen_to_be_gone_when_it_is_honest(
    world: ImapWorld,
) -> None:
    world.account = replace(world.account, retention=KEEPS)
    await world.fetch(3)
    await world.visit()
    async with lying(world.server, "EXAMINE"):
        await world.visit()
        world.server.folder("u").remove({2})
        await world.visit()
        world.clock.ahead = DAY + 1
        await world.visit()
        assert len(await world.store.fetcher.ledger_rows(ACCOUNT.id)) == 3, "nobody proved that it is gone"
    await world.visit()
    assert len(await world.store.fetcher.ledger_rows(ACCOUNT.id)) == 2


@pytest.mark.parametrize(("source", "target"), [("INBOX", "Lists"), ("Lists", "INBOX")])
@pytest.mark.parametrize("extended", [True, False])
async def test_a_mail_that_moves_while_two_folders_are_listed_is_neither_lost_nor_taken_for_another(
    source: str, target: str, extended: bool, world: ImapWorld
) -> None:
    """Moved from the second folder into the first one, after that was listed, it is shown by neither."""
    world.account = replace(
        world.account, folders=FolderSettings(folders=("INBOX", "Lists")), retention=KEEPS
    )
    if not extended:
        world.server.capabilities = [each for each in world.server.capabilities if each != "LIST-STATUS"]
    if source == "Lists":
        folder = world.server.folder("u")
        for mail in folder.mails:
            world.server.folder("u", "Lists").append(mail.raw)
        folder.remove(folder.uids)
    await world.fetch(3)
    await world.visit()
    world.clock.ahead = DAY + 1
    moving = world.server.folder("u", source).mail(2)

    def move(session: FakeImapSession) -> None:
        if "Lists" in session.command.line:
            del world.server.behaviours["EXAMINE"]
            world.server.folder("u", source).remove({moving.uid})
            world.server.folder("u", target).append(moving.raw)

    world.server.behaviours["EXAMINE"] = move
    during = await world.visit()
    after = await world.visit()
    assert (during.report.failed, after.report.failed) == (False, False)
    assert (during.report.fetched, after.report.fetched) == (0, 0)
    rows = await world.store.fetcher.ledger_rows(ACCOUNT.id)
    assert sorted(row.key.folder for row in rows) == sorted([source, source, target])


async def test_a_folder_that_is_not_listed_for_a_while_brings_no_mail_again(world: ImapWorld) -> None:
    world.account = replace(world.account, folders=FolderSettings(folders=("INBOX", "Li*")), retention=KEEPS)
    for mail in tagged_mails("list", 2):
        world.server.folder("u", "Lists").append(mail.raw)
    await world.fetch(5)
    await world.visit()
    lists = world.server.users["u"].folders.pop("Lists")
    assert (await world.visit()).report.fetched == 0
    assert len(await world.store.fetcher.ledger_rows(ACCOUNT.id)) == 5, "it may come back"
    world.server.users["u"].folders["Lists"] = lists
    assert (await world.visit()).report.fetched == 0
    del world.server.users["u"].folders["Lists"]
    await world.visit()
    world.clock.ahead += DAY + 1
    await world.visit()
    assert len(await world.store.fetcher.ledger_rows(ACCOUNT.id)) == 3
