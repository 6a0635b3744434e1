from __future__ import annotations

import pytest

from services.fetcher.mailboxes.imap import ImapMailbox
from services.fetcher.mailboxes.imap_opening import open_imap
from shared.imap.limits import Options
from shared.model.endpoint import Endpoint, Tls
from shared.model.mailbox import Listed, MailWhole, Place
from shared.model.source_errors import SourceRefused
from shared.net.login.wire import Timeouts, Wire
from shared.net.protection import Shortfall
from tests.unit.imap.sessions import ImapScript

GREETING = b"* OK [CAPABILITY IMAP4rev1 UIDPLUS X-A=1 X-A=2] hi\r\n"
IN = b"$1 OK [CAPABILITY IMAP4rev1 UIDPLUS X-A=1 X-A=2] in\r\n"
OPEN = (
    b"* 2 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n* OK [UIDNEXT 7] ok\r\n"
    b"* OK [PERMANENTFLAGS (\\Deleted)] ok\r\n$2 OK\r\n"
)
TWO = b"* 1 FETCH (UID 5 RFC822.SIZE 3)\r\n* 2 FETCH (UID 6 RFC822.SIZE 3)\r\n$3 OK\r\n"
KEEPS = Options(reads_only=True)


async def opened(*reads: bytes, options: Options | None = None) -> tuple[ImapScript, ImapMailbox]:
    stream = ImapScript(GREETING, IN, *reads)

    async def dialled(endpoint: Endpoint, timeouts: Timeouts) -> Wire:
        return stream

    mailbox = await open_imap(
        Endpoint("imap.example", 143, Tls.OFF), "bob", "secret", options=options or Options(), dialled=dialled
    )
    return stream, mailbox


async def listed(
    *reads: bytes, options: Options | None = None
) -> tuple[ImapScript, ImapMailbox, list[Listed]]:
    stream, mailbox = await opened(OPEN, TWO, *reads, options=options)
    return stream, mailbox, list((await mailbox.listing()).entries)


async def test_what_the_server_announces_and_how_we_logged_in_is_known() -> None:
    _, mailbox = await opened()
    assert mailbox.method == "user"
    assert mailbox.capabilities.arguments["X-A"] == ("1", "2")
    assert "UIDPLUS" in mailbox.capabilities
    assert mailbox.deletes_at_once
    assert mailbox.shortfall is None


async def test_a_mailbox_is_listed_read_emptied_and_left() -> None:
    stream, mailbox, entries = await listed(
        b"* 1 FETCH (UID 5 BODY[] {3}\r\nabc)\r\n* 2 FETCH (UID 6 BODY[] {3}\r\nabd)\r\n$4 OK\r\n",
        b"$5 OK\r\n$6 OK\r\n",
        b"* SEARCH\r\n$7 OK\r\n",
        b"* BYE bye\r\n$8 OK\r\n",
    )
    assert [entry.place for entry in entries] == [Place("INBOX", 9)] * 2
    events = [event async for batch in mailbox.retrieve(entries) for event in batch]
    assert events == [MailWhole(entries[0], b"abc"), MailWhole(entries[1], b"abd")]
    deleted = await mailbox.delete(entries)
    assert list(deleted) == entries
    assert await mailbox.still_there(deleted) == []
    await mailbox.finish()
    assert stream.closed
    assert stream.said[1:] == [
        'SELECT "INBOX"',
        "UID FETCH 1:* (UID RFC822.SIZE)",
        "UID FETCH 5:6 (UID BODY.PEEK[])",
        r"UID STORE 5:6 +FLAGS.SILENT (\Deleted)",
        "UID EXPUNGE 5:6",
        "UID SEARCH UID 5:6",
        "LOGOUT",
    ]


async def test_where_copies_stay_the_folder_is_examined_and_selected_only_to_delete() -> None:
    stream, mailbox, entries = await listed(OPEN.replace(b"$2", b"$4"), b"$5 OK\r\n$6 OK\r\n", options=KEEPS)
    assert list(await mailbox.delete(entries[:1])) == entries[:1]
    assert [line.split()[0] for line in stream.said[1:]] == ["EXAMINE", "UID", "SELECT", "UID", "UID"]


async def test_nothing_is_deleted_under_another_uidvalidity() -> None:
    stream, mailbox, entries = await listed(OPEN.replace(b"$2", b"$4").replace(b"9", b"10"), options=KEEPS)
    with pytest.raises(SourceRefused, match="other UIDs"):
        await mailbox.delete(entries)
    assert "STORE" not in stream.written.decode()


async def test_mails_of_a_folder_that_is_read_only_stay_and_the_operator_knows() -> None:
    read_only = OPEN.replace(b"$2 OK", b"$2 OK [READ-ONLY]")
    stream, mailbox = await opened(read_only, TWO)
    entries = (await mailbox.listing()).entries
    assert await mailbox.delete(entries) == []
    assert await mailbox.delete(entries) == []
    assert mailbox.remarks == (
        "imap.example:143 does not let this account delete mails in INBOX: delivered mails stay there.",
    )
    assert "STORE" not in stream.written.decode()


async def test_mails_that_stay_although_they_were_deleted_are_told() -> None:
    _, mailbox, entries = await listed(b"* SEARCH 6\r\n$4 OK\r\n")
    assert await mailbox.still_there(entries) == entries[1:]
    assert "agreed to delete 1 mails that it still shows" in mailbox.remarks[0]


async def test_a_server_that_does_not_tell_what_it_has_leaves_that_to_the_next_listing() -> None:
    _, mailbox, entries = await listed(b"$4 OK\r\n")
    assert await mailbox.still_there(entries) is None
    assert mailbox.remarks == ()


async def test_mails_without_lasting_uids_are_read_by_the_uids_of_the_session() -> None:
    stream, mailbox = await opened(
        OPEN.replace(b"UIDVALIDITY 9", b"UIDVALIDITY 0"),
        TWO,
        b"* 1 FETCH (UID 5 BODY[] {3}\r\nabc)\r\n$4 OK\r\n",
    )
    listing = await mailbox.listing()
    assert not listing.has_uids
    named = listing.entries[0]._replace(uid=" of the ledger")
    assert [event async for batch in mailbox.retrieve([named]) for event in batch] == [
        MailWhole(named, b"abc")
    ]
    assert stream.said[-1] == "UID FETCH 5 (UID BODY.PEEK[])"


async def test_an_alert_is_a_remark() -> None:
    _, mailbox, _ = await listed(b"* OK [ALERT] Move\r\n* SEARCH\r\n$4 OK\r\n")
    await mailbox.finish()
    assert mailbox.remarks == ("imap.example:143 says: Move",)


async def test_a_server_that_hangs_up_at_the_end_costs_nothing() -> None:
    stream, mailbox, _ = await listed()
    await mailbox.finish()
    assert stream.closed


async def test_sentences_about_earlier_connections_are_problems_of_the_listing() -> None:
    again = OPEN.replace(b"$2", b"$4"), TWO.replace(b"$3", b"$5")
    _, mailbox, _ = await listed(*again)
    shortfall = Shortfall(False, "In clear.")
    again_opened = ImapMailbox(mailbox._conversation, mailbox._logged_in, Options(), ["Note."], shortfall)
    assert (await again_opened.listing()).problems == ("Note.", "In clear.")
    assert await again_opened.fingerprint() == ""
    assert again_opened.shortfall is shortfall


async def test_each_folder_is_opened_once_however_the_mails_to_delete_are_mixed() -> None:
    opened_one = b"* 2 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n* OK [UIDNEXT 7] ok\r\n$%d OK\r\n"
    selects = [opened_one % number for number in (3, 5, 7, 10)]
    two = b"* 1 FETCH (UID 5 RFC822.SIZE 3)\r\n* 2 FETCH (UID 6 RFC822.SIZE 3)\r\n"
    stream, mailbox = await opened(
        b'* LIST () "/" A\r\n* LIST () "/" B\r\n$2 OK\r\n',
        selects[0],
        two + b"$4 OK\r\n",
        selects[1],
        two + b"$6 OK\r\n",
        selects[2],
        b"$8 OK\r\n$9 OK\r\n",
        selects[3],
        b"$11 OK\r\n$12 OK\r\n",
        options=Options(folders=("*",)),
    )
    a, b, c, d = (await mailbox.listing()).entries
    assert set(await mailbox.delete([a, c, b, d])) == {a, b, c, d}
    assert stream.said[-6:] == [
        'SELECT "A"',
        r"UID STORE 5:6 +FLAGS.SILENT (\Deleted)",
        "UID EXPUNGE 5:6",
        'SELECT "B"',
        r"UID STORE 5:6 +FLAGS.SILENT (\Deleted)",
        "UID EXPUNGE 5:6",
    ]
