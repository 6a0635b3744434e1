from __future__ import annotations

import pytest

from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint
from shared.model.source_errors import SourceRefused
from shared.pop3.headers import HEADER_LIMIT
from tests.fakes.pop3_server import Behaviour, Pop3Server, stuffed

HEADER = b"To: bob@firma.de\r\n.x: y\r\n\r\n"
MAILS = [("uid1", HEADER + b"Hallo\r\n"), ("uid2", b"\r\n")]


async def headers(top: bytes | None) -> tuple[list[bytes], Pop3Server]:
    async with Pop3Server({"bob": list(MAILS)}) as server:
        if top is not None:
            server.behaviours["TOP"] = top
        mailbox = await open_pop3(Endpoint("127.0.0.1", server.port), "bob", "secret")
        try:
            listing = await mailbox.listing()
            found = [await mailbox.header(entry) for entry in listing.entries]
            await mailbox.finish()
        finally:
            await mailbox.abort()
        return found, server


async def test_a_header_is_read_without_retrieving_or_deleting_the_mail() -> None:
    found, server = await headers(b"+OK\r\n" + stuffed(HEADER))
    assert found == [HEADER, HEADER]
    assert [line for line in server.commands if line.startswith("TOP")] == ["TOP 1 0", "TOP 2 0"]
    assert not any(line.startswith(("RETR", "DELE")) for line in server.commands)


async def test_a_header_larger_than_what_is_held_in_one_piece_is_read_to_its_end() -> None:
    long = b"X: " + b"y" * 400_000 + b"\r\n\r\n"
    found, _ = await headers(b"+OK\r\n" + stuffed(long))
    assert found == [long, long]


async def test_headers_asked_for_together_come_in_their_order_whatever_their_size() -> None:
    long = b"X: " + b"y" * 400_000 + b"\r\n\r\n"
    small, large = (b"+OK\r\n" + stuffed(header) for header in (HEADER, long))
    answers = enumerate((small, large, b"-ERR no\r\n", large), 1)
    behaviours: dict[str, Behaviour] = {f"TOP {number} 0": answer for number, answer in answers}
    async with Pop3Server({"bob": [(uid, b"x\r\n") for uid in "abcd"]}, behaviours=behaviours) as server:
        mailbox = await open_pop3(Endpoint("127.0.0.1", server.port), "bob", "secret")
        try:
            entries = (await mailbox.listing()).entries
            found = [(entry.uid, header) async for entry, header in mailbox.headers(entries)]
            assert len((await mailbox.listing()).entries) == len(entries)
        finally:
            await mailbox.abort()
    assert found == [("a", HEADER), ("b", long), ("c", None), ("d", long)]


async def test_of_an_endless_header_only_the_beginning_is_kept() -> None:
    found, _ = await headers(b"+OK\r\n" + stuffed(b"X: y\r\n" * (HEADER_LIMIT // 3)))
    assert all(HEADER_LIMIT <= len(header) < HEADER_LIMIT + 1024 * 1024 for header in found)


async def test_a_server_without_top_is_not_asked_for_the_mail_instead() -> None:
    with pytest.raises(SourceRefused, match="TOP for mail 1"):
        await headers(None)
