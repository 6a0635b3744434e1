"""The IMAP driver against Dovecot."""

from __future__ import annotations

import asyncio
import imaplib
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from services.fetcher.decide.fingerprint import Fingerprint, header_digest
from services.fetcher.mailboxes.imap import ImapMailbox
from services.fetcher.mailboxes.imap_opening import open_imap
from shared.imap.limits import FetchWindow, Limits, Options
from shared.model.endpoint import Endpoint, Tls
from shared.model.mailbox import (
    Listed,
    MailBytes,
    MailEnded,
    MailRefused,
    MailStarted,
    MailWhole,
    Meter,
)
from shared.model.source_errors import CredentialsRefused
from shared.net.login.wire import Timeouts
from tests.fakes.tcp_proxy import TcpProxy
from tests.servers.dovecot import Dovecot, Login

MAILS = [
    b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n",
    b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n",
    "Subject: jürgen\r\n\r\n\x01ÿ\r\n".encode("latin-1"),
    b"Subject: bare CR\r\n\r\na\rb\r\n",
    b"Subject: parentheses\r\n\r\n)\r\n* 1 FETCH (UID 1 BODY[] {3}\r\n",
    b"Subject: no end of line\r\n\r\nend",
    *(b"Subject: %d\r\n\r\n%s" % (number, b"a line\r\n" * number) for number in range(200)),
]
KEEPS = Options(reads_only=True)


def endpoint_of(dovecot: Dovecot, tls: Tls = Tls.REQUIRED) -> Endpoint:
    port = dovecot.imaps_port if tls is Tls.IMPLICIT else dovecot.imap_port
    return Endpoint("localhost", port, tls, ca_file=str(dovecot.certificate.chain))


async def opened(dovecot: Dovecot, login: Login, options: Options | None = None) -> ImapMailbox:
    return await open_imap(endpoint_of(dovecot), login.name, login.password, options=options or Options())


@contextmanager
def another_client(dovecot: Dovecot, login: Login) -> Iterator[imaplib.IMAP4]:
    """Somebody who has the INBOX open, too."""
    context = ssl.create_default_context(cafile=str(dovecot.certificate.chain))
    with imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=context) as client:
        client.login(login.name, login.password)
        client.select("INBOX")
        yield client


async def fetched(mailbox: ImapMailbox, entries: Sequence[Listed]) -> list[bytes]:
    mails: list[bytes] = []
    pieces: list[bytes] = []
    async for batch in mailbox.retrieve(entries):
        for event in batch:
            match event:
                case MailWhole(data=data):
                    mails.append(data)
                case MailStarted():
                    pieces = []
                case MailBytes(data=data):
                    pieces.append(data)
                case MailEnded(octets=octets):
                    mails.append(b"".join(pieces))
                    assert len(mails[-1]) == octets
                case MailRefused(error=error):
                    raise error
    return mails


@pytest.mark.parametrize("tls", list(Tls))
@pytest.mark.parametrize("method", ["plain", "user"])
async def test_mails_are_fetched_byte_exact_and_deleted(dovecot: Dovecot, tls: Tls, method: str) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS)
    mailbox = await open_imap(endpoint_of(dovecot, tls), login.name, login.password, auth=[method])
    listing = await mailbox.listing()
    assert listing.problems == ()
    assert listing.covers(listing.entries[0].key)
    assert [entry.size for entry in listing.entries] == [len(mail) for mail in MAILS]
    assert listing.entries[0].uid == "0000000001"
    assert await fetched(mailbox, listing.entries) == MAILS
    deleted = await mailbox.delete(listing.entries[:150])
    assert list(deleted) == list(listing.entries[:150])
    assert dovecot.remaining(login.name) == MAILS[150:]
    assert await mailbox.still_there(deleted) == []
    await mailbox.finish()
    assert dovecot.remaining(login.name) == MAILS[150:]


async def test_a_nul_comes_as_dovecot_sends_it_and_costs_no_mail(dovecot: Dovecot) -> None:
    """IMAP forbids NUL in a literal (RFC 9051, section 4.3.1); Dovecot puts the octet 0x80 in its place."""
    login = dovecot.new_user()
    dovecot.fill(login.name, [b"Subject: nul\r\n\r\na\0b\r\n", MAILS[0]])
    mailbox = await opened(dovecot, login)
    listing = await mailbox.listing()
    assert await fetched(mailbox, listing.entries) == [b"Subject: nul\r\n\r\na\x80b\r\n", MAILS[0]]
    await mailbox.finish()


async def test_a_large_mail_comes_in_pieces(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    mails = [b"Subject: large\r\n\r\n" + b"a line of text\r\n" * 100_000, b"Subject: small\r\n\r\n"]
    dovecot.fill(login.name, mails)
    mailbox = await opened(dovecot, login)
    listing = await mailbox.listing()
    assert await fetched(mailbox, listing.entries) == mails
    await mailbox.finish()


async def test_uids_stay_the_same_in_the_next_session(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS[:3])
    listings = []
    for options in (Options(), KEEPS):
        mailbox = await opened(dovecot, login, options)
        listings.append(await mailbox.listing())
        await mailbox.finish()
    assert listings[0] == listings[1]


async def test_a_folder_in_which_copies_stay_keeps_all_flags_and_gives_up_what_is_due(
    dovecot: Dovecot,
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS[:5])
    mailbox = await opened(dovecot, login, KEEPS)
    listing = await mailbox.listing()
    assert len(await fetched(mailbox, listing.entries)) == 5
    with another_client(dovecot, login) as other:
        _, flags = other.uid("fetch", "1:*", "(FLAGS)")
        assert all(b"Recent" in each and b"Seen" not in each for each in flags if isinstance(each, bytes))
    due = listing.entries[1:3]
    assert list(await mailbox.delete(due)) == list(due)
    assert await mailbox.still_there(due) == []
    assert dovecot.remaining(login.name) == [MAILS[0], *MAILS[3:5]]
    assert await fetched(mailbox, listing.entries[3:]) == MAILS[3:5]
    await mailbox.finish()


async def test_another_client_may_delete_mark_and_append_in_the_middle(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS[:6])
    mailbox = await opened(dovecot, login)
    listing = await mailbox.listing()
    with another_client(dovecot, login) as other:
        other.uid("store", "2", "+FLAGS", r"(\Deleted)")
        other.expunge()
        other.uid("store", "3", "+FLAGS", r"(\Deleted)")
        other.append("INBOX", "", "", b"Subject: new\r\n\r\n")
        assert await fetched(mailbox, listing.entries) == [MAILS[0], *MAILS[2:6]]
        deleted = await mailbox.delete([listing.entries[0], listing.entries[1]])
        assert await mailbox.still_there(deleted) == []
    await mailbox.finish()
    assert len(dovecot.remaining(login.name)) == 5, "what another client marked is its own"
    later = await opened(dovecot, login)
    assert [each.uid for each in (await later.listing()).entries] == [f"{n:010d}" for n in (3, 4, 5, 6, 7)]
    await later.finish()


async def test_without_uidplus_nothing_is_expunged_while_another_client_has_marked_mails(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.imap.capabilities.Capabilities.can_expunge_uids", False)
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS[:4])
    with another_client(dovecot, login) as other:
        other.uid("store", "4", "+FLAGS", r"(\Deleted)")
        mailbox = await opened(dovecot, login)
        listing = await mailbox.listing()
        assert await mailbox.delete(listing.entries[:2]) == []
        assert dovecot.remaining_count(login.name) == 4
        assert "1 other mails are marked by another client" in mailbox.remarks[0]
        other.uid("store", "4", "-FLAGS", r"(\Deleted)")
        assert list(await mailbox.delete(listing.entries[:2])) == list(listing.entries[:2])
        await mailbox.finish()
    assert dovecot.remaining(login.name) == MAILS[2:4]


async def test_headers_are_read_without_a_trace(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS[:3])
    mailbox = await opened(dovecot, login, KEEPS)
    listing = await mailbox.listing()
    headers = [header async for _, header in mailbox.headers(listing.entries)]
    assert headers == [mail[: mail.index(b"\r\n\r\n") + 4] for mail in MAILS[:3]]
    await mailbox.finish()


async def test_a_retrieval_that_was_left_does_not_disturb_the_next(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, MAILS)
    mailbox = await opened(dovecot, login, Options(window=FetchWindow(mails=5), limits=Limits()))
    listing = await mailbox.listing()
    async for _ in mailbox.retrieve(listing.entries):
        break
    assert await fetched(mailbox, listing.entries[7:9]) == MAILS[7:9]
    await mailbox.finish()


async def test_a_folder_that_is_not_there_is_told(dovecot: Dovecot) -> None:
    mailbox = await opened(dovecot, dovecot.new_user(), Options(folders=("Nowhere",)))
    listing = await mailbox.listing()
    assert any("has no folder Nowhere" in each for each in listing.problems)
    assert listing.entries == []
    await mailbox.finish()


async def test_a_wrong_password_is_understood(dovecot: Dovecot) -> None:
    login = Login(dovecot.new_user().name, "wrong-canary")
    with pytest.raises(CredentialsRefused) as caught:
        await opened(dovecot, login)
    assert "canary" not in str(caught.value)


async def test_a_header_read_alone_is_the_one_that_was_read_with_its_mail(dovecot: Dovecot) -> None:
    """Custody rule 4 compares both, whatever the form of the mail."""
    login = dovecot.new_user()
    mails = [
        *MAILS[:6],
        b"Subject: no body\r\n",
        b"Subject: no end",
        b"Subject: only a header\r\n\r\n",
        b"\r\nno header\r\n",
        b"no header, and no colon\r\n\r\nbody\r\n",
        b"Subject: folded\r\n and\r\n\tagain\r\nX-Empty:\r\n\r\nbody\r\n",
        b"X: " + b"x" * 300_000 + b"\r\n\r\nbody\r\n",
    ]
    dovecot.fill(login.name, mails)
    mailbox = await opened(dovecot, login)
    listing = await mailbox.listing()
    read = await fetched(mailbox, listing.entries)
    differing = []
    async for entry, header in mailbox.headers(listing.entries):
        fingerprint = Fingerprint(with_content=False)
        fingerprint.feed(read[entry.number - 1])
        if header is None or header_digest(header) != fingerprint.header:
            differing.append((entry.number, header and header[:60]))
    assert differing == []
    await mailbox.finish()


async def test_when_mails_were_received_is_told_without_their_headers(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [b"Date: Fri, 30 Oct 2026 12:00:00 +0000\r\n\r\nbody\r\n"] * 600)
    files = sorted((dovecot.maildir(login.name) / "new").iterdir(), key=lambda path: path.name)
    moments = [1_793_534_400.0 + 60 * number for number in range(len(files))]
    for path, moment in zip(files, moments, strict=True):
        os.utime(path, (moment, moment))
    mailbox = await opened(dovecot, login, KEEPS)
    entries = (await mailbox.listing()).entries
    told = [answer async for answer in mailbox.received(entries)]
    await mailbox.finish()
    assert sorted(told) == list(zip(entries, moments, strict=True))


class Counting(Meter):
    def __init__(self) -> None:
        self.octets = 0

    def received(self, octets: int) -> None:
        self.octets += octets


@pytest.mark.parametrize("tls", [Tls.OFF, Tls.IMPLICIT])
async def test_a_compressed_session_lists_reads_waits_goes_on_and_deletes(dovecot: Dovecot, tls: Tls) -> None:
    login = dovecot.new_user()
    mails = [*MAILS, b"Subject: zeros\r\n\r\n" + (b"0" * 76 + b"\r\n") * 20_000]
    dovecot.fill(login.name, mails)
    meter = Counting()
    options = Options(compress=True, limits=Limits(meter=meter), timeouts=Timeouts(inactivity=20))
    dialogue: list[str] = []
    mailbox = await open_imap(
        endpoint_of(dovecot, tls),
        login.name,
        login.password,
        options=options,
        dialogue=lambda who, line: dialogue.append(f"{who}: {line}"),
    )
    assert "S: (compression begins)" in dialogue
    entries = (await mailbox.listing()).entries
    assert await fetched(mailbox, entries) == mails
    assert meter.octets > sum(map(len, mails))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(mailbox.wait_for_change())
        with another_client(dovecot, login) as client:
            client.append("INBOX", "", "", b"Subject: new\r\n\r\n")
            async with asyncio.timeout(30):
                await waiting
    await mailbox.resume()
    entries = (await mailbox.listing()).entries
    assert len(entries) == len(mails) + 1
    assert list(await mailbox.delete(entries)) == list(entries)
    await mailbox.finish()
    assert dovecot.remaining_count(login.name) == 0


HUGE = b"Subject: huge\r\n\r\n" + b"".join(b"line %d\r\n" % number for number in range(300_000))
IN_PARTS = FetchWindow(huge=1_000_000, part=300_000)


@pytest.mark.parametrize("compress", [False, True])
async def test_a_huge_mail_comes_in_parts_and_goes_on_after_each_break(
    dovecot: Dovecot, compress: bool
) -> None:
    login = dovecot.new_user()
    mails = [b"Subject: small\r\n\r\n", HUGE, b"Subject: empty lines\r\n\r\n\r\n\r\n"]
    dovecot.fill(login.name, mails)
    dialogue: list[str] = []
    async with TcpProxy(dovecot.imap_port) as proxy:
        mailbox = await open_imap(
            Endpoint("localhost", proxy.port, Tls.OFF),
            login.name,
            login.password,
            options=Options(window=IN_PARTS, compress=compress),
            dialogue=lambda who, line: dialogue.append(f"{who}: {line}"),
        )
        entries = (await mailbox.listing()).entries
        came: dict[int, bytearray] = {}
        cuts = [800_000, 2_000_000]
        async for batch in mailbox.retrieve(entries):
            for event in batch:
                match event:
                    case MailWhole(entry, data) | MailBytes(entry, data):
                        came.setdefault(entry.number, bytearray()).extend(data)
                    case MailRefused(error=error):
                        raise error
            if cuts and len(came.get(2, b"")) > cuts[0]:
                del cuts[0]
                proxy.cut()
        assert [bytes(came[number]) for number in (1, 2, 3)] == mails
        assert sum(line.startswith("C: AUTHENTICATE") for line in dialogue) == 3
        assert list(await mailbox.delete(entries)) == list(entries)
        assert await mailbox.still_there(entries) == []
        await mailbox.finish()
    assert dovecot.remaining_count(login.name) == 0


@pytest.mark.parametrize("size", [299_999, 300_000, 600_000, 600_001])
async def test_the_end_of_a_mail_in_parts_is_found(dovecot: Dovecot, size: int) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [HUGE[:size].replace(b"\n", b"x").replace(b"\r", b"x")])
    mailbox = await opened(dovecot, login, Options(window=IN_PARTS))
    (entry,) = (await mailbox.listing()).entries
    assert entry.size == size
    for claimed in (size, size - 1000, size + 1000, 2_000_000):
        found = b""
        async for batch in mailbox.retrieve([entry._replace(size=claimed)], cut=[entry.name]):
            found += b"".join(event.data for event in batch if isinstance(event, MailBytes))
            if claimed == size or size % 300_000:
                assert not any(isinstance(event, MailRefused) for event in batch)
        assert len(found) == size
    await mailbox.finish()


async def test_mails_marked_as_deleted_and_drafts_are_named_in_the_listing(
    dovecot: Dovecot, dovecot_user: Login
) -> None:
    dovecot.fill(dovecot_user.name, MAILS[:4])
    with another_client(dovecot, dovecot_user) as client:
        client.store("2", "+FLAGS", r"(\Deleted)")
        client.store("3", "+FLAGS", r"(\Draft \Seen)")
        client.store("4", "+FLAGS", r"(\Flagged)")
    for skip, flagged in ((("deleted", "draft"), {2, 3}), (("draft",), {3}), ((), set())):
        mailbox = await opened(dovecot, dovecot_user, Options(reads_only=True, skip=skip))
        listing = await mailbox.listing()
        assert (listing.flagged, len(listing.entries)) == (flagged, 4)
        assert len(listing.covered) == 1
        await mailbox.finish()
