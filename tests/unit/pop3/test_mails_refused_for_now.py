"""A refusal in words of haste: of one mail, or of all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint
from shared.model.mailbox import Listed, MailEnded, MailRefused, MailStarted, MailWhole, RetrieveEvent
from shared.model.source_errors import LoginTooSoon, SourceBusy, SourceError
from shared.pop3.limits import Options, PipelineWindow
from tests.fakes.pop3_server import Pop3Server

MAILS = [(f"uid{number}", b"mail %d\r\n" % number) for number in range(1, 7)]
FOR_NOW = ["too many lines in the header", "[SYS/TEMP] try again later", "User is not connected."]
OF_ALL = [
    "[IN-USE] the maildrop is locked",
    "[LOGIN-DELAY] not so fast",
    "Request is throttled. Suggested Backoff Time: 5000 milliseconds",
]

pytestmark = pytest.mark.parametrize("pipelining", [True, False])


@pytest.fixture
async def server() -> AsyncIterator[Pop3Server]:
    async with Pop3Server({"bob": list(MAILS)}) as running:
        yield running


async def opened(
    server: Pop3Server, window: PipelineWindow | None = None, *, pipelining: bool
) -> tuple[Pop3Mailbox, list[Listed]]:
    options = Options(pipelining=pipelining, window=window or PipelineWindow())
    mailbox = await open_pop3(Endpoint("127.0.0.1", server.port), "bob", "secret", options=options)
    return mailbox, list((await mailbox.listing()).entries)


def refuse(server: Pop3Server, text: str, *numbers: int) -> None:
    for number in numbers:
        server.behaviours[f"RETR {number}"] = f"-ERR {text}\r\n".encode()


async def read(
    mailbox: Pop3Mailbox, entries: list[Listed]
) -> tuple[list[int], list[int], SourceError | None]:
    """The numbers of the mails that came, of those that were refused, and what the retrieval ended with."""
    events: list[RetrieveEvent] = []
    ended: SourceError | None = None
    try:
        async for batch in mailbox.retrieve(entries):
            events += batch
    except SourceError as error:
        ended = error
    came = [event.entry.number for event in events if isinstance(event, MailWhole)]
    refused = [event.entry.number for event in events if isinstance(event, MailRefused)]
    assert len(came) + len(refused) == len(events)
    return came, refused, ended


@pytest.mark.parametrize("text", FOR_NOW)
@pytest.mark.parametrize("place", [1, 3, 6])
async def test_one_refused_mail_holds_up_none_behind_it(
    server: Pop3Server, text: str, place: int, pipelining: bool
) -> None:
    refuse(server, text, place)
    mailbox, entries = await opened(server, pipelining=pipelining)
    came, refused, ended = await read(mailbox, entries)
    assert (came, refused, ended) == ([n for n in range(1, 7) if n != place], [place], None)
    await mailbox.abort()


@pytest.mark.parametrize("text", FOR_NOW)
@pytest.mark.parametrize("count", [1, 2, 6])
async def test_where_all_are_refused_and_none_comes_the_server_is_busy_and_each_of_them_is_told(
    server: Pop3Server, text: str, count: int, pipelining: bool
) -> None:
    refuse(server, text, *range(1, 7))
    mailbox, entries = await opened(server, pipelining=pipelining)
    came, refused, ended = await read(mailbox, entries[:count])
    asked_for = [1, 2, 3, 4, 5, 6] if pipelining or count < 6 else [1, 2, 6, 4]
    assert (came, refused) == ([], asked_for[:count])
    assert isinstance(ended, SourceBusy)
    assert ended.temporary
    assert "Retrieving mail 1" in str(ended)
    await mailbox.finish()


@pytest.mark.parametrize("text", FOR_NOW)
async def test_one_that_is_refused_alone_says_nothing_of_a_server_that_served_before(
    server: Pop3Server, text: str, pipelining: bool
) -> None:
    refuse(server, text, 3)
    mailbox, entries = await opened(server, pipelining=pipelining)
    assert await read(mailbox, entries[:2]) == ([1, 2], [], None)
    assert await read(mailbox, [entries[2]]) == ([], [3], None)
    await mailbox.abort()


@pytest.mark.parametrize("text", FOR_NOW)
async def test_a_server_that_stops_serving_in_the_middle_is_asked_for_a_few_more_and_then_left(
    server: Pop3Server, text: str, pipelining: bool
) -> None:
    refuse(server, text, 2, 3, 4, 5, 6)
    mailbox, entries = await opened(server, pipelining=pipelining)
    came, refused, ended = await read(mailbox, entries)
    assert (came, refused) == ([1], [2, 3, 4, 5, 6] if pipelining else [2, 3, 6, 5])
    assert isinstance(ended, SourceBusy)
    await mailbox.finish()


@pytest.mark.parametrize("text", FOR_NOW)
@pytest.mark.parametrize("bad", [[2, 3], [1, 2, 3, 4], [1, 2, 6]])
async def test_a_mail_further_on_that_comes_shows_that_it_was_about_the_refused_ones(
    server: Pop3Server, text: str, bad: list[int], pipelining: bool
) -> None:
    refuse(server, text, *bad)
    mailbox, entries = await opened(server, pipelining=pipelining)
    came, refused, ended = await read(mailbox, entries)
    assert (sorted(came), sorted(refused), ended) == ([n for n in range(1, 7) if n not in bad], bad, None)
    await mailbox.abort()


@pytest.mark.parametrize("text", FOR_NOW)
async def test_refused_mails_with_others_between_them_are_so_many_single_ones(
    server: Pop3Server, text: str, pipelining: bool
) -> None:
    refuse(server, text, 1, 3, 6)
    mailbox, entries = await opened(server, pipelining=pipelining)
    assert await read(mailbox, entries) == ([2, 4, 5], [1, 3, 6], None)
    await mailbox.abort()


@pytest.mark.parametrize("text", OF_ALL)
async def test_what_is_said_of_the_mailbox_is_heard_at_once(
    server: Pop3Server, text: str, pipelining: bool
) -> None:
    refuse(server, text, 3, 4, 5, 6)
    mailbox, entries = await opened(server, pipelining=pipelining)
    came, refused, ended = await read(mailbox, entries)
    assert (came, refused) == ([1, 2], [])
    assert ended is not None
    assert ("RETR 4" in server.commands) is pipelining
    await mailbox.finish()


async def test_a_mail_that_was_on_its_way_does_not_take_back_what_was_said_of_the_mailbox(
    server: Pop3Server, pipelining: bool
) -> None:
    refuse(server, FOR_NOW[0], 1)
    refuse(server, OF_ALL[1], 2)
    mailbox, entries = await opened(server, PipelineWindow(retrievals=3), pipelining=pipelining)
    came, refused, ended = await read(mailbox, entries)
    assert set(came) <= {3, 4}
    assert refused == [1]
    assert isinstance(ended, LoginTooSoon)
    assert "RETR 6" not in server.commands
    await mailbox.finish()


async def test_after_what_was_said_of_the_mailbox_no_others_are_tried(
    server: Pop3Server, pipelining: bool
) -> None:
    refuse(server, OF_ALL[1], 1)
    refuse(server, FOR_NOW[0], 2, 3)
    mailbox, entries = await opened(server, PipelineWindow(retrievals=3), pipelining=pipelining)
    came, _, ended = await read(mailbox, entries)
    assert came == []
    assert isinstance(ended, LoginTooSoon)
    assert "RETR 6" not in server.commands
    await mailbox.finish()


@pytest.mark.parametrize("text", FOR_NOW)
async def test_a_refused_mail_is_told_before_a_large_one_begins_and_not_in_the_middle_of_it(
    text: str, pipelining: bool
) -> None:
    large = ("uid2", b"Subject: large\r\n\r\n" + b"A line of it.\r\n" * 30_000)
    async with Pop3Server({"bob": [MAILS[0], large, MAILS[2]]}) as server:
        refuse(server, text, 1)
        mailbox, entries = await opened(server, pipelining=pipelining)
        told = [event async for batch in mailbox.retrieve(entries) for event in batch]
        await mailbox.abort()
    assert [type(event) for event in told[:2]] == [MailRefused, MailStarted]
    of_the_large_one = [place for place, event in enumerate(told) if event.entry.number == 2]
    assert of_the_large_one == list(range(1, 1 + len(of_the_large_one)))
    assert isinstance(told[of_the_large_one[-1]], MailEnded)
