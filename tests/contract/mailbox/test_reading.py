"""What every adapter of `Mailbox` promises about listing and reading."""

from __future__ import annotations

import pytest

from shared.imap import span_listing
from shared.model.source_errors import CredentialsRefused
from tests.fakes.mails import CORPUS, corpus_files
from tests.fakes.reading import read_all
from tests.servers.source_accounts import SourceAccount

MAILS = [b"Subject: mail %d\r\n\r\nLine\r\n.\r\n..%s\r\n" % (n, b"x" * n) for n in range(8)]
ODD = {
    "NUL": b"Subject: nul\r\n\r\na\0b\0\r\n",
    "bare CR": b"Subject: cr\r\n\r\na\rb\r\r\n",
    "bare LF": b"Subject: lf\n\none\ntwo\r\n",
    "a line of 100,000 octets": b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n",
    "no octets": b"",
    "no end of line": b"Subject: end\r\n\r\nend",
    "no header": b"\r\nThere is no header.\r\n",
    "a header alone": b"Subject: alone\r\n\r\n",
    "8-bit header": b"Subject: Gr\xfc\xdfe \xe2\x82\xac\r\n\r\nGr\xfc\xdfe\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n...\r\n\r\n.\r\n",
    "a dialogue": b"Subject: imap\r\n\r\n)\r\n* 1 FETCH (UID 1 BODY[] {3}\r\n+OK\r\n-ERR\r\n",
    "a megabyte": b"Subject: large\r\n\r\n" + b"a line of text\r\n" * 65_536,
}


async def test_mails_are_listed_with_lasting_uids(account: SourceAccount) -> None:
    account.put(MAILS)
    listings = []
    for reads_only in (False, True):
        mailbox = await account.open(reads_only=reads_only)
        listings.append(await mailbox.listing())
        await mailbox.finish()
    first, second = listings
    assert first.has_uids
    assert [*first.problems, *first.nameless] == []
    assert len({entry.key for entry in first.entries}) == len(MAILS)
    assert [entry.size for entry in first.entries] == [len(mail) for mail in account.served()]
    assert all(first.covers(entry.key) for entry in first.entries)
    assert [entry.key for entry in second.entries] == [entry.key for entry in first.entries]


async def test_a_listing_in_spans_shows_what_a_listing_shows(
    account: SourceAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.put(MAILS)
    mailbox = await account.open(reads_only=True)
    whole = await mailbox.listing()
    await mailbox.finish()
    monkeypatch.setattr(span_listing, "PER_SPAN", 3)
    mailbox = await account.open(reads_only=True)
    spans = [each async for each in mailbox.listing_spans()]
    assert [entry for span in spans for entry in span.listing.entries] == [*whole.entries]
    assert all(span.listing.covers(entry.key) for span in spans for entry in span.listing.entries)
    assert spans[-1].is_whole or (len(spans), spans[-1].is_complete) == (3, True)
    entries = [entry for span in spans[1:] or spans for entry in span.listing.entries]
    assert await read_all(mailbox, entries) == MAILS[-len(entries) :]
    await mailbox.finish()


async def test_an_empty_mailbox_is_listed(account: SourceAccount) -> None:
    mailbox = await account.open()
    listing = await mailbox.listing()
    assert (list(listing.entries), listing.problems) == ([], ())
    await mailbox.finish()


async def test_mails_are_read_byte_exact(account: SourceAccount) -> None:
    account.put(MAILS)
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    assert await read_all(mailbox, entries) == MAILS
    assert await read_all(mailbox, entries[::-2]) == MAILS[::-2], "in any order, and once more"
    await mailbox.finish()
    assert account.served() == MAILS


@pytest.mark.parametrize("kind", ODD)
async def test_an_odd_mail_is_read_as_the_server_hands_it_out(account: SourceAccount, kind: str) -> None:
    if not account.put([ODD[kind]]):
        pytest.skip("this server takes no such mail")
    account.put(MAILS[:1])
    served = account.served()
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    assert len(entries) == len(served)
    assert await read_all(mailbox, entries) == served
    await mailbox.finish()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="there is no corpus of real mails here")
async def test_the_corpus_is_read_as_the_server_hands_it_out(account: SourceAccount) -> None:
    assert account.put(path.read_bytes() for path in corpus_files())
    served = account.served()
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    assert await read_all(mailbox, entries) == served
    await mailbox.finish()


@pytest.mark.parametrize("reads_only", [False, True], ids=["deletes", "keeps"])
async def test_reading_leaves_no_trace(account: SourceAccount, *, reads_only: bool) -> None:
    account.put(MAILS)
    account.flags()  # by which \Recent goes
    mailbox = await account.open(reads_only=reads_only)
    entries = (await mailbox.listing()).entries
    assert await read_all(mailbox, entries) == MAILS
    assert [each async for each in mailbox.headers(entries)]
    await mailbox.finish()
    assert account.flags() == [set()] * len(MAILS)
    later = await account.open()
    assert [entry.key for entry in (await later.listing()).entries] == [entry.key for entry in entries]
    await later.finish()


async def test_headers_are_read(account: SourceAccount) -> None:
    account.put(MAILS)
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    expected = [mail.partition(b"\r\n\r\n")[0] for mail in MAILS]
    found = [(entry, header) async for entry, header in mailbox.headers(entries)]
    assert [entry for entry, _ in found] == list(entries)
    if any(header is not None for _, header in found):
        assert [(header or b"").rstrip(b"\r\n") for _, header in found] == expected
        assert (await mailbox.header(entries[3])).rstrip(b"\r\n") == expected[3]
    else:
        assert "TOP" not in mailbox.capabilities, "a POP3 server may lack TOP"
    await mailbox.finish()


async def test_a_retrieval_may_be_left_in_the_middle(account: SourceAccount) -> None:
    account.put([*MAILS, ODD["a megabyte"], *MAILS])
    mailbox = await account.open()
    entries = (await mailbox.listing()).entries
    for stop in (1, 2):
        left = 0
        async for events in mailbox.retrieve(entries):
            left += len(events)
            if left >= stop:
                break
    assert await read_all(mailbox, entries[2:5]) == MAILS[2:5]
    async for _ in mailbox.retrieve(entries[8:]):
        break
    agreed = await mailbox.delete(entries[:2])
    assert list(agreed) == list(entries[:2])
    await mailbox.finish()
    assert account.served() == [*MAILS[2:], ODD["a megabyte"], *MAILS]


async def test_a_wrong_password_is_told_as_such(account: SourceAccount) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        await account.open(password="wrong-canary")
    assert "canary" not in str(caught.value)
