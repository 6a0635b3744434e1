from __future__ import annotations

import pytest

from services.fetcher.mailboxes.imap import ImapMailbox
from services.fetcher.mailboxes.imap_opening import open_imap
from shared.imap.limits import FetchWindow, Limits, Options
from shared.model.endpoint import Endpoint, Tls
from shared.model.mailbox import Listed, MailBytes, MailEnded, MailStarted, MailWhole, Place
from shared.model.source_errors import SourceRefused
from shared.net.errors import ConnectionLost
from shared.net.login.wire import Timeouts, Wire
from shared.net.protection import Shortfall
from tests.unit.imap.sessions import AnsweringStream, ImapScript

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
    sentence = (
        "imap.example:143 does not let this account delete mails in INBOX: delivered mails stay there. "
        'Ask its operator for the right to delete, or set retention = "keep".'
    )
    assert mailbox.remarks == (sentence,)
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


async def examined_ahead(*reads: bytes) -> tuple[ImapScript, ImapMailbox]:
    """A mailbox that was examined with the login, and whose state is known."""
    with_id = [each.replace(b"UIDPLUS", b"UIDPLUS ID") for each in (GREETING, IN)]
    stream = ImapScript(*with_id, b"$2 OK\r\n" + OPEN.replace(b"$2", b"$3"), *reads)

    async def dialled(endpoint: Endpoint, timeouts: Timeouts) -> Wire:
        return stream

    endpoint = Endpoint("imap.example", 143, Tls.OFF)
    mailbox = await open_imap(endpoint, "bob", "secret", options=KEEPS, dialled=dialled)
    assert await mailbox.fingerprint()
    assert stream.said[1:] == ['ID ("name" "Mailferry")', 'EXAMINE "INBOX"']
    return stream, mailbox


async def test_a_session_that_goes_on_shows_first_that_it_is_still_there() -> None:
    """The server may have no command to leave the folder."""
    stream, mailbox = await examined_ahead(b"$4 OK\r\n")
    assert not await mailbox.resume()
    assert stream.said[3:] == ["NOOP"]


async def test_a_session_that_the_server_ended_meanwhile_does_not_go_on() -> None:
    _, mailbox = await examined_ahead(b"* BYE idle for too long\r\n")
    with pytest.raises(ConnectionLost, match="idle for too long"):
        await mailbox.resume()


async def test_after_the_listing_is_forgotten_the_fingerprint_is_still_that_of_the_listing() -> None:
    _, mailbox, _ = await listed(options=KEEPS)
    before = await mailbox.fingerprint()
    mailbox.forget_listing()
    assert before
    assert await mailbox.fingerprint() == before


class Folders:
    """A server with INBOX and Lists, empty. It answers NOTIFY with `notify`, and tells `told` during IDLE."""

    def __init__(self, notify: bytes = b"OK", told: bytes = b"* STATUS Lists (MESSAGES 1)\r\n") -> None:
        self.notify = notify
        self.told = told
        self.stream = AnsweringStream(self._answer, capabilities=b"IDLE NOTIFY UNSELECT")
        self._idle_tag = b""

    def _answer(self, tag: bytes, command: str) -> bytes:
        if command == "IDLE":
            self._idle_tag = tag
            return b"+ idling\r\n" + self.told
        if tag.strip() == b"DONE":
            return self._idle_tag + b" OK\r\n"
        verb = command.split(maxsplit=1)[0]
        state = b"(MESSAGES 0 UIDNEXT 1 UIDVALIDITY 9)\r\n"
        data = {
            "LIST": b'* LIST () "/" INBOX\r\n* LIST () "/" Lists\r\n',
            "STATUS": b"* STATUS %s %s" % (command.split('"')[1].encode() if '"' in command else b"", state),
            "NOTIFY": b"* STATUS Lists " + state if "SET" in command else b"",
            "EXAMINE": b"* 0 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n* OK [UIDNEXT 1] ok\r\n",
        }.get(verb, b"")
        return data + tag + b" " + (self.notify if "NOTIFY SET" in command else b"OK") + b"\r\n"

    async def open(self) -> ImapMailbox:
        async def dialled(endpoint: Endpoint, timeouts: Timeouts) -> Wire:
            return self.stream

        options = Options(folders=("*",), reads_only=True)
        return await open_imap(
            Endpoint("imap.example", 143, Tls.OFF), "bob", "secret", options=options, dialled=dialled
        )

    def said(self, verb: str) -> int:
        return sum(each.startswith(verb) for each in self.stream.commands)


async def test_where_the_server_tells_of_several_folders_they_are_not_polled_once_it_has() -> None:
    server = Folders()
    mailbox = await server.open()
    assert (await mailbox.listing()).entries == []
    assert not mailbox.waits_for_all, "it may say nothing"
    await mailbox.wait_for_change()
    assert server.said("NOTIFY SET STATUS") == 1
    assert await mailbox.resume() is False
    assert server.stream.commands[-2:] == ["NOTIFY NONE", "UNSELECT"]
    await mailbox.listing()
    assert mailbox.waits_for_all


async def test_a_server_that_refuses_to_tell_of_several_folders_tells_of_one() -> None:
    server = Folders(notify=b"NO not here", told=b"* 1 EXISTS\r\n")
    mailbox = await server.open()
    await mailbox.listing()
    await mailbox.wait_for_change()
    assert server.said("IDLE") == 0, "a visit follows, after which other folders are polled"
    await mailbox.resume()
    await mailbox.listing()
    assert not mailbox.waits_for_all
    await mailbox.wait_for_change()
    assert (server.said("NOTIFY"), server.said("IDLE")) == (1, 1)


HUGE = b"Subject: huge\r\n\r\n" + b"x" * 3000
IN_PARTS = Options(window=FetchWindow(huge=2000, part=1000), limits=Limits(whole=100))


def part_of(origin: int, octets: int = 1000) -> bytes:
    data = HUGE[origin : origin + octets]
    return b"* 1 FETCH (UID 5 BODY[]<%d> {%d}\r\n%s)\r\n" % (origin, len(data), data)


async def broken_within_a_mail(
    *reads: bytes, login: bytes = IN
) -> tuple[list[ImapScript], ImapMailbox, Listed]:
    """A mailbox with one huge mail, of which two parts come; then the connection breaks. `reads`: what a new
    session reads after its login.
    """
    sizes = b"* 1 FETCH (UID 5 RFC822.SIZE %d)\r\n$3 OK\r\n" % len(HUGE)
    beginning = part_of(0) + b"$4 OK\r\n", part_of(1000)[:700]
    streams = [
        ImapScript(GREETING, IN, OPEN.replace(b"2 EXISTS", b"1 EXISTS"), sizes, *beginning),
        ImapScript(GREETING, login, *reads),
    ]
    unused = list(streams)

    async def dialled(endpoint: Endpoint, timeouts: Timeouts) -> Wire:
        return unused.pop(0)

    mailbox = await open_imap(
        Endpoint("imap.example", 143, Tls.OFF), "bob", "secret", options=IN_PARTS, dialled=dialled
    )
    (entry,) = (await mailbox.listing()).entries
    return streams, mailbox, entry


async def test_a_huge_mail_goes_on_in_a_new_session_and_is_deleted_there() -> None:
    missing = len(HUGE) - 1000 - len(part_of(1000)[:700].partition(b"\r\n")[2])
    same = b"* 1 FETCH (UID 5 RFC822.SIZE %d)\r\n$3 OK\r\n" % len(HUGE)
    streams, mailbox, entry = await broken_within_a_mail(
        OPEN,
        same + part_of(0) + b"$4 OK\r\n",
        part_of(len(HUGE) - missing) + b"$5 OK\r\n" + part_of(len(HUGE) - missing + 1000) + b"$6 OK\r\n",
        OPEN.replace(b"$2", b"$7"),
        b"$8 OK\r\n$9 OK\r\n",
    )
    events = [event async for batch in mailbox.retrieve([entry]) for event in batch]
    assert b"".join(event.data for event in events if isinstance(event, MailBytes)) == HUGE
    assert events[0] == MailStarted(entry)
    assert events[-1] == MailEnded(entry, len(HUGE))
    assert streams[0].aborted
    assert list(await mailbox.delete([entry])) == [entry]
    assert [line.split()[0] for line in streams[1].said[1:3]] == ["EXAMINE", "UID"]
    assert streams[1].said[-1] == "UID EXPUNGE 5"


async def test_under_another_uidvalidity_a_huge_mail_does_not_go_on() -> None:
    streams, mailbox, entry = await broken_within_a_mail(OPEN.replace(b"UIDVALIDITY 9", b"UIDVALIDITY 8"))
    with pytest.raises(ConnectionLost, match="other UIDs"):
        _ = [event async for batch in mailbox.retrieve([entry]) for event in batch]
    assert not any("FETCH" in line for line in streams[1].said)


async def test_a_login_that_is_refused_to_the_new_session_is_no_wrong_password() -> None:
    _, mailbox, entry = await broken_within_a_mail(login=b"$1 NO [AUTHENTICATIONFAILED] no\r\n")
    with pytest.raises(ConnectionLost, match="for the rest of a mail"):
        _ = [event async for batch in mailbox.retrieve([entry]) for event in batch]


async def test_each_folder_is_opened_once_however_the_mails_to_delete_are_mixed() -> None:
    opened_one = b"* 2 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n* OK [UIDNEXT 7] ok\r\n$%d OK\r\n"
    selects = [opened_one % number for number in (3, 5, 8, 11)]
    two = b"* 1 FETCH (UID 5 RFC822.SIZE 3)\r\n* 2 FETCH (UID 6 RFC822.SIZE 3)\r\n"
    stream, mailbox = await opened(
        b'* LIST () "/" A\r\n* LIST () "/" B\r\n$2 OK\r\n',
        selects[0],
        two + b"$4 OK\r\n",
        selects[1],
        two + b"$6 OK\r\n",
        b"* STATUS A (MESSAGES 2 UIDNEXT 7 UIDVALIDITY 9)\r\n$7 OK\r\n",
        selects[2],
        b"$9 OK\r\n$10 OK\r\n",
        selects[3],
        b"$12 OK\r\n$13 OK\r\n",
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
