"""A server that looks at ten mails for a command, and names mails by UID alone (RFC 9738, RFC 9586)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from services.fetcher.mailboxes.imap import ImapMailbox
from services.fetcher.mailboxes.imap_opening import open_imap
from shared.model.endpoint import Endpoint, Tls
from shared.model.mailbox import Listing, MailWhole
from tests.fakes.imap_server import CAPABILITIES, FakeImapSession, ImapServer

MAILS = [b"Subject: %d\r\n\r\nx\r\n" % number for number in range(35)]
LIMIT = 10
UIDONLY = [*CAPABILITIES, f"MESSAGELIMIT={LIMIT}", "UIDONLY"]
WITHOUT = [*CAPABILITIES, f"MESSAGELIMIT={LIMIT}"]
_LINE = re.compile(rb"\* \d+ FETCH \(UID (\d+)(.*?)\)\r\n(?=\* |[0-9a-f])", re.DOTALL)


def newest_first(session: FakeImapSession) -> bytes:
    """Return the lines of the newest mails, newest first."""
    answer = session.honest()
    lines = [(int(uid), rest) for uid, rest in _LINE.findall(answer)]
    shown = sorted(lines, reverse=True)[:LIMIT]
    by_uid = "UIDONLY" in session.enabled
    said = b"".join(
        b"* %d %s (UID %d%s)\r\n" % (uid, b"UIDFETCH" if by_uid else b"FETCH", uid, rest)
        for uid, rest in shown
    )
    code = b"[MESSAGELIMIT %d %d] " % (LIMIT, shown[-1][0]) if len(shown) < len(lines) else b""
    return said + b"%s OK %sdone\r\n" % (session.command.tag.encode(), code)


def vanished(session: FakeImapSession) -> bytes:
    """Return the answer to UID EXPUNGE without numbers."""
    answer = re.sub(rb"\* \d+ EXPUNGE\r\n", b"", session.honest())
    return b"* VANISHED %s\r\n" % session.command.line.split()[-1].encode() + answer


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    behaviours = {"UID FETCH": newest_first, "UID EXPUNGE": vanished}
    async with ImapServer({"ann": MAILS}, behaviours=dict(behaviours), capabilities=UIDONLY) as running:
        yield running


async def opened(server: ImapServer) -> tuple[ImapMailbox, Listing]:
    mailbox = await open_imap(Endpoint(server.host, server.port, Tls.OFF), "ann", "secret")
    return mailbox, await mailbox.listing()


async def test_by_uids_alone_all_mails_are_listed_read_and_deleted(server: ImapServer) -> None:
    mailbox, listing = await opened(server)
    assert "ENABLE UIDONLY" in server.commands
    assert (len(listing.entries), listing.problems, len(listing.covered)) == (len(MAILS), (), 1)
    read = {
        event.entry.number: event.data
        async for batch in mailbox.retrieve(listing.entries)
        for event in batch
        if isinstance(event, MailWhole)
    }
    assert [read[number] for number in sorted(read)] == MAILS
    some = listing.entries[3:5]
    assert await mailbox.delete(some) == some
    assert await mailbox.still_there(some) == []
    await mailbox.finish()
    assert len(server.folder("ann").mails) == len(MAILS) - 2


async def test_without_uids_alone_no_mail_is_taken_for_gone(server: ImapServer) -> None:
    server.capabilities = WITHOUT
    mailbox, listing = await opened(server)
    assert listing.covered == []
    assert "shows at most 10 mails" in listing.problems[0]
    assert await mailbox.fingerprint() == ""
    some = listing.entries[3:5]
    assert await mailbox.delete(some) == some
    assert await mailbox.still_there(some) is None
