"""UIDs that change between EXAMINE, by which copies are listed, and SELECT, by which one is deleted."""

from __future__ import annotations

from services.fetcher.mailboxes.imap_opening import open_imap
from shared.imap.limits import Options
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import MailferryError
from tests.fakes import odd_imap
from tests.fakes.imap_server import ImapServer
from tests.fakes.reading import read_all

MAILS = [b"Subject: mail %d\r\n\r\nLine\r\n" % number for number in range(6)]


async def test_nothing_is_marked_or_deleted_under_another_uidvalidity() -> None:
    async with ImapServer({"u": MAILS}) as server:
        endpoint = Endpoint(server.host, server.port, Tls.OFF)
        mailbox = await open_imap(endpoint, "u", "secret", options=Options(reads_only=True))
        entries = (await mailbox.listing()).entries
        assert await read_all(mailbox, entries) == MAILS
        odd_imap.the_uidvalidity_changes_at_select(server)
        try:
            agreed = await mailbox.delete(entries[:2])
        except MailferryError:
            agreed = []
        await mailbox.abort()
        assert agreed == []
        assert [mail.raw for mail in server.folder("u").mails] == MAILS[::-1]
        assert all(mail.flags == set() for mail in server.folder("u").mails)
        assert "SELECT" in server.verbs()
        assert not {"UID STORE", "UID EXPUNGE", "EXPUNGE"} & set(server.verbs())
