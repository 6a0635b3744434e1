from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path

import pytest

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint, Tls
from shared.model.mailbox import (
    Listed,
    MailBytes,
    MailEnded,
    MailRefused,
    MailStarted,
    MailWhole,
    RetrieveEvent,
)
from shared.model.source_errors import (
    CredentialsRefused,
    LimitExceeded,
    MailboxLocked,
    OutOfStep,
    SessionTooLong,
    SourceBusy,
    SourceRefused,
    SourceViolation,
)
from shared.net.errors import ConnectionLost, InactivityTimeout, TlsFailed
from shared.pop3.limits import Limits, Options, PipelineWindow, Timeouts
from tests.fakes.certificates import LOCAL, Certificate, make_certificate, make_expired_certificate
from tests.fakes.pop3_server import HANG_UP, SILENCE, FakeSession, Pop3Server, headers_by_top, stuffed

NASTY = [
    b"",
    b"\r\n",
    b"a\nb\rc\0\xff\r\n",
    b".\r\n..\r\n.a\r\n\r\n.\r\n",
    b"a\n.\r\nQUIT\r\n",
    b"x" * 100_000 + b"\r\n",
    b"Subject: no body\r\n\r\n",
]
MAILS = [(f"uid{n}", data) for n, data in enumerate(NASTY, 1)]
NO_PIPELINING = ["USER", "UIDL"]
DEFAULT = Options()


@pytest.fixture
async def server() -> AsyncIterator[Pop3Server]:
    async with Pop3Server({"bob": list(MAILS)}) as running:
        yield running


async def opened(server: Pop3Server, options: Options = DEFAULT, password: str = "secret") -> Pop3Mailbox:
    return await open_pop3(Endpoint("127.0.0.1", server.port), "bob", password, options=options)


async def retrieved(
    mailbox: Pop3Mailbox, entries: Sequence[Listed], cut: Collection[str] = ()
) -> list[RetrieveEvent]:
    return [event async for batch in mailbox.retrieve(entries, cut) for event in batch]


async def collect(mailbox: Pop3Mailbox, entries: Sequence[Listed], events: list[RetrieveEvent]) -> None:
    async for batch in mailbox.retrieve(entries):
        events += batch


def whole_mails(events: Sequence[RetrieveEvent]) -> list[tuple[int, bytes]]:
    return [(event.entry.number, event.data) for event in events if isinstance(event, MailWhole)]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_mails_are_listed_retrieved_and_deleted_byte_exact(
    server: Pop3Server, pipelining: bool
) -> None:
    mailbox = await opened(server, Options(pipelining=pipelining))
    listing = await mailbox.listing()
    assert [(entry.uid, entry.size) for entry in listing.entries] == [(uid, len(data)) for uid, data in MAILS]
    assert listing.has_uids
    assert listing.problems == ()
    assert whole_mails(await retrieved(mailbox, listing.entries)) == list(enumerate(NASTY, 1))
    assert await mailbox.delete(listing.entries[:2]) == list(listing.entries[:2])
    assert server.deleted("bob") == []
    await mailbox.finish()
    assert server.deleted("bob") == ["uid1", "uid2"]


async def test_the_fingerprint_is_that_of_the_listing_and_changes_with_each_mail(server: Pop3Server) -> None:
    fingerprints = []
    for rest in (None, MAILS[1:], MAILS[1:], []):
        server.maildrops["bob"].mails[:] = MAILS if rest is None else rest
        mailbox = await opened(server)
        before = await mailbox.fingerprint()
        listing = await mailbox.listing()
        assert [entry.uid for entry in listing.entries] == [uid for uid, _ in rest or MAILS * (rest is None)]
        fingerprints.append(before)
        assert await mailbox.fingerprint() == before != ""
        await mailbox.finish()
    assert fingerprints[1] == fingerprints[2]
    assert len(set(fingerprints)) == 3
    assert server.commands.count("UIDL") == 4


async def test_a_mailbox_whose_listing_has_a_problem_has_no_fingerprint() -> None:
    mails = [("same", b"1"), ("same", b"2"), ("other", b"3")]
    async with Pop3Server({"bob": mails}) as server:
        mailbox = await opened(server)
        assert await mailbox.fingerprint() == ""
        await mailbox.finish()


async def test_an_aborted_session_deletes_nothing(server: Pop3Server) -> None:
    mailbox = await opened(server)
    await mailbox.delete((await mailbox.listing()).entries)
    await mailbox.abort()
    assert server.deleted("bob") == []


async def test_an_empty_mailbox_costs_one_question_where_questions_are_not_pipelined() -> None:
    async with Pop3Server({"bob": []}, capabilities=NO_PIPELINING) as server:
        mailbox = await opened(server)
        assert (await mailbox.listing()).entries == ()
        await mailbox.finish()
    assert server.verbs() == ["CAPA", "USER", "PASS", "CAPA", "STAT", "QUIT"]


async def test_without_the_capability_each_retr_waits_for_the_answer_before() -> None:
    async with Pop3Server({"bob": list(MAILS)}, capabilities=NO_PIPELINING) as server:
        mailbox = await opened(server)
        entries = (await mailbox.listing()).entries
        pending: list[bytearray] = []

        def look(session: FakeSession, _: str) -> None:
            pending.append(vars(session.reader)["_buffer"].copy())

        server.behaviours["RETR"] = look
        assert len(whole_mails(await retrieved(mailbox, entries))) == len(MAILS)
        assert pending == [b""] * len(MAILS)
        await mailbox.abort()


async def test_a_window_smaller_than_the_mailbox_still_gets_everything(server: Pop3Server) -> None:
    mailbox = await opened(server, Options(window=PipelineWindow(retrievals=2, octets=1, deletions=2)))
    entries = (await mailbox.listing()).entries
    assert whole_mails(await retrieved(mailbox, entries)) == list(enumerate(NASTY, 1))
    assert await mailbox.delete(entries) == list(entries)
    await mailbox.abort()


async def test_a_large_mail_comes_in_pieces_that_add_up(server: Pop3Server) -> None:
    mailbox = await opened(server, Options(limits=Limits(whole=1000)))
    entries = (await mailbox.listing()).entries
    events = await retrieved(mailbox, entries[5:])
    pieces = [event.data for event in events if isinstance(event, MailBytes)]
    assert events[0] == MailStarted(entries[5])
    assert b"".join(pieces) == NASTY[5]
    assert all(pieces)
    assert events[len(pieces) + 1 :] == [
        MailEnded(entries[5], len(NASTY[5])),
        MailWhole(entries[6], NASTY[6]),
    ]
    await mailbox.abort()


async def test_a_refused_mail_does_not_end_the_others(server: Pop3Server) -> None:
    server.behaviours["RETR 2"] = b"-ERR [SYS/PERM] damaged\r\n"
    mailbox = await opened(server)
    events = await retrieved(mailbox, (await mailbox.listing()).entries)
    assert [number for number, _ in whole_mails(events)] == [1, 3, 4, 5, 6, 7]
    (refusal,) = [event for event in events if isinstance(event, MailRefused)]
    assert refusal.entry.number == 2
    assert not refusal.error.temporary
    assert "damaged" in str(refusal.error)
    await mailbox.abort()


@pytest.mark.parametrize("pipelining", [True, False])
async def test_an_empty_answer_in_place_of_a_mail_that_has_octets_is_no_mail(pipelining: bool) -> None:
    async with Pop3Server({"bob": [("a", b"first\r\n"), ("b", b"second\r\n"), ("c", b"")]}) as server:
        server.behaviours["RETR 1"] = b"+OK\r\n.\r\n"
        mailbox = await opened(server, Options(pipelining=pipelining))
        events = await retrieved(mailbox, (await mailbox.listing()).entries)
        assert whole_mails(events) == [(2, b"second\r\n"), (3, b"")]
        (refusal,) = [event for event in events if isinstance(event, MailRefused)]
        assert (refusal.entry.uid, type(refusal.error)) == ("a", SourceRefused)
        assert "nothing at all in place of mail 1 of 7 octets" in str(refusal.error)
        await mailbox.abort()


@pytest.mark.parametrize(
    ("answer", "body_came"),
    [
        (b"-ERR not today\r\n", False),
        (b"+OK\r\n.\r\n", True),
        (b"+OK\r\nSubject: Retrieval using the POP3 protocol failed\r\n\r\n.\r\n", True),
        (b"+OK\r\n.single\r\n..double\r\n.\r\n", True),
    ],
)
async def test_of_a_mail_that_is_not_handed_out_is_told_whether_something_came_in_its_place(
    answer: bytes, body_came: bool
) -> None:
    async with Pop3Server({"bob": [("a", b".single\r\n..double\r\n")]}) as server:
        server.behaviours["RETR 1"] = answer
        mailbox = await opened(server)
        (refusal,) = await retrieved(mailbox, (await mailbox.listing()).entries)
        assert isinstance(refusal, MailRefused)
        assert refusal.body_came is body_came
        await mailbox.abort()


async def test_a_mail_that_was_thrown_away_and_then_refused_is_told_to_have_come() -> None:
    async with Pop3Server({"bob": [("a", b"short\r\n"), ("b", b"x" * 1000 + b"\r\n")]}) as server:
        server.behaviours["LIST"] = b"+OK\r\n1 5000\r\n2 1002\r\n.\r\n"

        def once(_: FakeSession, line: str) -> bytes | None:
            return None if server.commands.count(line) == 1 else b"-ERR no\r\n"

        server.behaviours["RETR 2"] = once
        mailbox = await opened(server, Options(limits=Limits(whole=100)))
        events = await retrieved(mailbox, (await mailbox.listing()).entries)
        (refusal,) = [event for event in events if isinstance(event, MailRefused)]
        assert (refusal.entry.uid, refusal.body_came) == ("b", True)
        await mailbox.abort()


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_mail_cut_at_its_very_first_line_is_not_taken_for_an_empty_answer(pipelining: bool) -> None:
    careless = b".\r\nafter\r\n"
    async with Pop3Server({"bob": [("a", careless), ("b", b"second\r\n")]}) as server:
        server.behaviours["RETR 1"] = b"+OK\r\n" + careless + b".\r\n"
        mailbox = await opened(server, Options(pipelining=pipelining))
        entries = (await mailbox.listing()).entries
        events: list[RetrieveEvent] = []
        with pytest.raises(OutOfStep) as caught:
            await collect(mailbox, entries, events)
        assert (caught.value.entry.uid, events) == ("a", [])
        await mailbox.abort()


async def test_a_refused_deletion_is_not_reported_as_done(server: Pop3Server) -> None:
    server.behaviours["DELE 2"] = b"-ERR no\r\n"
    mailbox = await opened(server)
    entries = (await mailbox.listing()).entries
    assert [entry.number for entry in await mailbox.delete(entries[:3])] == [1, 3]
    await mailbox.finish()
    assert server.deleted("bob") == ["uid1", "uid3"]


async def test_a_retrieval_that_is_left_early_does_not_disturb_what_follows(server: Pop3Server) -> None:
    mailbox = await opened(server, Options(limits=Limits(whole=10)))
    entries = (await mailbox.listing()).entries
    async for _ in mailbox.retrieve(entries):
        break
    assert await mailbox.delete(entries[:1]) == [entries[0]]
    await mailbox.finish()
    assert server.deleted("bob") == ["uid1"]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("only_the_last", [True, False])
async def test_a_mail_cut_at_a_lone_dot_is_never_handed_out(pipelining: bool, only_the_last: bool) -> None:
    careless = b"before\r\n.\r\nafter\r\n"
    mails = [("a", b"first\r\n"), ("b", careless), *([] if only_the_last else [("c", b"third\r\n")])]
    async with Pop3Server({"bob": mails}) as server:
        server.behaviours["RETR 2"] = b"+OK\r\n" + careless + b".\r\n"
        mailbox = await opened(server, Options(pipelining=pipelining))
        events: list[RetrieveEvent] = []
        entries = (await mailbox.listing()).entries
        with pytest.raises(OutOfStep) as caught:
            await collect(mailbox, entries, events)
        assert caught.value.entry.uid == "b"
        assert whole_mails(events) == [(1, b"first\r\n")]
        await mailbox.abort()


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_mail_smaller_than_listed_is_handed_out_once_the_server_proves_in_step(
    pipelining: bool,
) -> None:
    async with Pop3Server({"bob": [("a", b"short\r\n")]}) as server:
        server.behaviours["LIST"] = b"+OK\r\n1 5000\r\n.\r\n"
        mailbox = await opened(server, Options(pipelining=pipelining))
        assert whole_mails(await retrieved(mailbox, (await mailbox.listing()).entries)) == [(1, b"short\r\n")]
        assert server.commands[-1] == "UIDL 1"
        await mailbox.abort()


@pytest.mark.parametrize("pipelining", [True, False])
async def test_mails_of_wrong_sizes_are_all_handed_out_in_their_order(pipelining: bool) -> None:
    mails = [(f"uid{n}", b"%d" % n * 200 + b"\r\n") for n in range(1, 8)]
    async with Pop3Server({"bob": mails}) as server:
        server.behaviours["LIST"] = b"+OK\r\n" + b"".join(b"%d 250\r\n" % n for n in range(1, 8)) + b".\r\n"
        mailbox = await opened(server, Options(limits=Limits(whole=100), pipelining=pipelining))
        events = await retrieved(mailbox, (await mailbox.listing()).entries)
        assert sorted(event.entry.number for event in events if isinstance(event, MailEnded)) == list(
            range(1, 8)
        )
        assert b"".join(event.data for event in events if isinstance(event, MailBytes)).count(b"\r\n") == 7
        await mailbox.abort()


@pytest.mark.parametrize("pipelining", [True, False])
async def test_the_rest_of_a_cut_mail_that_looks_like_answers_deceives_nobody(pipelining: bool) -> None:
    crafted = b"before\r\n.\r\n+OK\r\nanother mail\r\n.\r\n+OK 1 guessed\r\n"
    mails = [("secret-uid", crafted), ("b", b"second\r\n"), ("c", b"third\r\n")]
    async with Pop3Server({"bob": mails}) as server:
        server.behaviours["RETR 1"] = b"+OK\r\n" + crafted + b".\r\n"
        mailbox = await opened(server, Options(pipelining=pipelining))
        entries = (await mailbox.listing()).entries
        events: list[RetrieveEvent] = []
        with pytest.raises(OutOfStep) as caught:
            await collect(mailbox, entries, events)
        assert (caught.value.entry.uid, whole_mails(events)) == ("secret-uid", [])
        await mailbox.abort()


@pytest.mark.parametrize("mail", [b".\r\n..\r\n.a\r\n", b"a\r\n.\r\n+OK\r\nb\r\n.\r\n", b"..\r\nno end", b""])
@pytest.mark.parametrize("whole", [1, 100_000])
async def test_a_mail_known_to_be_cut_is_read_by_its_size_as_it_is(mail: bytes, whole: int) -> None:
    async with Pop3Server({"bob": [("a", b"1\r\n"), ("b", mail), ("c", b"3\r\n")]}) as server:
        ended = b"" if mail.endswith(b"\r\n") or not mail else b"\r\n"
        server.behaviours["RETR 2"] = b"+OK\r\n" + mail + ended + b".\r\n"
        mailbox = await opened(server, Options(limits=Limits(whole=whole)))
        events = await retrieved(mailbox, (await mailbox.listing()).entries, {"b"})
        pieces = [
            event.data
            for event in events
            if isinstance(event, (MailWhole, MailBytes)) and event.entry.number == 2
        ]
        assert b"".join(pieces) == mail
        assert {event.entry.number for event in events} == {1, 2, 3}
        await mailbox.abort()


async def test_a_mail_known_to_be_cut_is_read_by_its_size_where_there_are_no_uids() -> None:
    mails = [("a", b"1\r\n"), ("b", b"before\r\n.\r\nafter\r\n"), ("c", b"3\r\n")]
    async with Pop3Server({"bob": mails}, capabilities=["USER", "PIPELINING"]) as server:
        server.behaviours["UIDL"] = b"-ERR unknown command\r\n"
        server.behaviours["RETR 2"] = b"+OK\r\n" + mails[1][1] + b".\r\n"
        mailbox = await opened(server)
        entries = (await mailbox.listing()).entries
        events = await retrieved(mailbox, entries, {entries[1].name})
        assert whole_mails(events) == [(number, mail) for number, (_, mail) in enumerate(mails, 1)]
        await mailbox.abort()


async def test_a_mail_that_does_not_end_at_its_size_breaks_off_by_name() -> None:
    async with Pop3Server({"bob": [("a", b"12345\r\n")]}) as server:
        server.behaviours["RETR 1"] = b"+OK\r\n12345 and more\r\n.\r\n"
        mailbox = await opened(server)
        with pytest.raises(OutOfStep) as caught:
            await retrieved(mailbox, (await mailbox.listing()).entries, {"a"})
        assert caught.value.entry.uid == "a"
        await mailbox.abort()


async def test_a_doubled_dot_of_a_server_that_does_not_stuff_is_not_taken_out_unnoticed() -> None:
    mails = [("a", b".single\r\n"), ("b", b"..double\r\n")]
    async with Pop3Server({"bob": mails}) as server:
        for number, (_, mail) in enumerate(mails, 1):
            server.behaviours[f"RETR {number}"] = b"+OK\r\n" + mail + b".\r\n"
        mailbox = await opened(server)
        entries = (await mailbox.listing()).entries
        events = await retrieved(mailbox, entries)
        assert whole_mails(events) == [(1, b".single\r\n")]
        (refusal,) = [event for event in events if isinstance(event, MailRefused)]
        assert (refusal.entry.uid, type(refusal.error)) == ("b", OutOfStep)
        assert "does not double the dots" in mailbox.remarks[0]
        assert whole_mails(await retrieved(mailbox, entries[1:], {"b"})) == [(2, b"..double\r\n")]
        await mailbox.abort()


@pytest.mark.parametrize("pipelining", [True, False])
async def test_mails_are_read_by_top_where_that_is_wanted(server: Pop3Server, pipelining: bool) -> None:
    server.capabilities = ["USER", "UIDL", "TOP"]
    for number, mail in enumerate(NASTY, 1):
        server.behaviours[f"TOP {number} 99999999"] = b"+OK\r\n" + stuffed(mail)
    mailbox = await opened(server, Options(pipelining=pipelining, use_top=True))
    events = await retrieved(mailbox, (await mailbox.listing()).entries)
    assert whole_mails(events) == list(enumerate(NASTY, 1))
    assert ("RETR" in server.verbs(), mailbox.remarks) == (False, ())
    await mailbox.abort()


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("announced", [["USER", "UIDL"], ["USER", "UIDL", "TOP"]])
async def test_without_top_mails_are_read_by_retr_and_somebody_is_told(
    server: Pop3Server, announced: list[str], pipelining: bool
) -> None:
    server.capabilities = announced
    server.behaviours["TOP"] = b"-ERR what?\r\n"
    mailbox = await opened(server, Options(pipelining=pipelining, use_top=True))
    events = await retrieved(mailbox, (await mailbox.listing()).entries)
    assert sorted(whole_mails(events)) == list(enumerate(NASTY, 1))
    (remark,) = mailbox.remarks
    assert "use_top has no effect" in remark
    await mailbox.abort()


async def test_a_server_that_says_nothing_of_top_has_none_when_it_refuses_the_only_mail(
    server: Pop3Server,
) -> None:
    server.behaviours["CAPA"] = server.behaviours["TOP"] = b"-ERR what?\r\n"
    mailbox = await opened(server, Options(use_top=True))
    (first, *_) = (await mailbox.listing()).entries
    assert whole_mails(await retrieved(mailbox, [first])) == [(1, NASTY[0])]
    await mailbox.abort()


def by_top_but(server: Pop3Server, *refused: int) -> None:
    """Announce TOP, and refuse it for some mails, and RETR for all."""
    server.capabilities = ["USER", "UIDL", "TOP", "PIPELINING"]
    server.behaviours["RETR"] = b"-ERR you were to use TOP\r\n"
    for number, mail in enumerate(NASTY, 1):
        answer = b"-ERR no such message\r\n" if number in refused else b"+OK\r\n" + stuffed(mail)
        server.behaviours[f"TOP {number} 99999999"] = answer


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("place", [1, 4, 7])
async def test_a_mail_that_top_does_not_give_is_refused_alone_where_top_is_announced(
    server: Pop3Server, place: int, pipelining: bool
) -> None:
    by_top_but(server, place)
    mailbox = await opened(server, Options(pipelining=pipelining, use_top=True))
    events = await retrieved(mailbox, (await mailbox.listing()).entries)
    assert [event.entry.number for event in events if isinstance(event, MailRefused)] == [place]
    assert len(whole_mails(events)) == len(NASTY) - 1
    assert ("RETR" in server.verbs(), mailbox.remarks) == (False, ())
    await mailbox.abort()


async def test_the_only_mail_that_top_does_not_give_is_refused_where_top_is_announced(
    server: Pop3Server,
) -> None:
    by_top_but(server, 3)
    mailbox = await opened(server, Options(use_top=True))
    (refusal,) = await retrieved(mailbox, (await mailbox.listing()).entries[2:3])
    assert isinstance(refusal, MailRefused)
    assert ("RETR" in server.verbs(), mailbox.remarks) == (False, ())
    await mailbox.abort()


async def test_a_refused_mail_is_told_before_the_session_breaks_at_another(server: Pop3Server) -> None:
    by_top_but(server, 1)
    server.behaviours["TOP 3 99999999"] = HANG_UP
    mailbox = await opened(server, Options(use_top=True, pipelining=False))
    events: list[RetrieveEvent] = []
    with pytest.raises(ConnectionLost):
        await collect(mailbox, (await mailbox.listing()).entries, events)
    assert [event.entry.number for event in events] == [1, 2]
    await mailbox.abort()


async def test_a_mail_that_top_cuts_is_read_by_retr(server: Pop3Server) -> None:
    server.capabilities = ["USER", "UIDL", "TOP", "PIPELINING"]
    for number, mail in enumerate(NASTY, 1):
        server.behaviours[f"TOP {number} 99999999"] = b"+OK\r\n" + stuffed(mail)
    server.behaviours["TOP 6 99999999"] = b"+OK\r\n" + stuffed(NASTY[5][:1000])
    mailbox = await opened(server, Options(use_top=True, limits=Limits(whole=10)))
    events = await retrieved(mailbox, (await mailbox.listing()).entries)
    assert [line for line in server.commands if line.startswith("RETR")] == ["RETR 6"]
    assert [remark for remark in mailbox.remarks if "mail 6" in remark] == list(mailbox.remarks)
    assert len(mailbox.remarks) == 1
    assert events[-1] == MailEnded(events[-1].entry, len(NASTY[5]))
    await mailbox.abort()


@pytest.mark.parametrize(
    "text",
    [
        b"Request is throttled. Suggested Backoff Time: 5000 milliseconds",
        b"User is authenticated but not connected.",
    ],
)
async def test_a_server_that_serves_no_mail_for_now_leaves_the_session_usable(
    server: Pop3Server, text: bytes
) -> None:
    for number in range(3, 8):
        server.behaviours[f"RETR {number}"] = b"-ERR " + text + b"\r\n"
    mailbox = await opened(server)
    entries = (await mailbox.listing()).entries
    events: list[RetrieveEvent] = []
    with pytest.raises(SourceBusy) as caught:
        await collect(mailbox, entries, events)
    assert caught.value.retry_after == (5 if b"5000" in text else None)
    assert whole_mails(events) == list(enumerate(NASTY[:2], 1))
    await mailbox.delete(entries[:2])
    await mailbox.finish()
    assert server.deleted("bob") == ["uid1", "uid2"]


async def test_a_session_that_never_ends_is_ended(server: Pop3Server) -> None:
    mailbox = await opened(server, Options(limits=Limits(session=50_000)))
    with pytest.raises(SessionTooLong, match="50000 octets in one session"):
        await retrieved(mailbox, (await mailbox.listing()).entries)
    await mailbox.abort()


async def test_a_server_without_uidl_is_listed_without_uids(server: Pop3Server) -> None:
    server.capabilities = ["USER", "PIPELINING"]
    server.behaviours["UIDL"] = b"-ERR unknown command\r\n"
    mailbox = await opened(server)
    listing = await mailbox.listing()
    assert not listing.has_uids
    assert len(listing.entries) == len(MAILS)
    assert listing.problems == ("The server has no UIDL: no copies can be left there.",)
    await mailbox.abort()


@pytest.mark.parametrize("answer", [b"-ERR [SYS/TEMP] not now\r\n", b"-ERR not now\r\n"])
async def test_an_announced_uidl_that_fails_does_not_look_like_a_server_without(
    server: Pop3Server, answer: bytes
) -> None:
    server.behaviours["UIDL"] = answer
    mailbox = await opened(server)
    with pytest.raises(SourceRefused):
        await mailbox.listing()
    await mailbox.abort()


async def test_a_mailbox_that_is_not_connected_does_not_look_like_a_server_without_uidl(
    server: Pop3Server,
) -> None:
    """Field note 4, where the server does not know CAPA."""
    server.behaviours["CAPA"] = b"-ERR\r\n"
    server.behaviours["UIDL"] = b"-ERR User is authenticated but not connected.\r\n"
    mailbox = await opened(server)
    with pytest.raises(SourceBusy):
        await mailbox.listing()
    await mailbox.abort()


async def test_a_server_without_list_is_listed_without_sizes(server: Pop3Server) -> None:
    server.behaviours["LIST"] = b"-ERR unknown command\r\n"
    mailbox = await opened(server)
    listing = await mailbox.listing()
    assert [(entry.uid, entry.size) for entry in listing.entries] == [(uid, 0) for uid, _ in MAILS]
    await mailbox.abort()


async def test_the_mailbox_is_locked_while_another_session_has_it(server: Pop3Server) -> None:
    first = await opened(server)
    with pytest.raises(MailboxLocked):
        await opened(server)
    await first.finish()
    await (await opened(server)).finish()


async def test_a_wrong_password_is_refused_by_name(server: Pop3Server) -> None:
    with pytest.raises(CredentialsRefused, match=r"127\.0\.0\.1:\d+ as bob with PLAIN"):
        await opened(server, password="wrong")


async def test_a_server_that_hangs_up_in_the_middle_leaves_the_mails_before_intact(
    server: Pop3Server,
) -> None:
    server.behaviours["RETR 3"] = HANG_UP
    mailbox = await opened(server)
    entries = (await mailbox.listing()).entries
    events: list[RetrieveEvent] = []
    with pytest.raises(ConnectionLost):
        await collect(mailbox, entries, events)
    assert whole_mails(events) == list(enumerate(NASTY[:2], 1))
    await mailbox.abort()


async def test_a_silent_server_ends_in_a_timeout(server: Pop3Server) -> None:
    server.behaviours["STAT"] = SILENCE
    server.behaviours["LIST"] = SILENCE
    server.behaviours["UIDL"] = SILENCE
    mailbox = await opened(server, Options(timeouts=Timeouts(inactivity=0.05)))
    with pytest.raises(InactivityTimeout):
        await mailbox.listing()
    await mailbox.abort()


async def test_an_endless_mail_names_the_mail_that_broke_the_cap(server: Pop3Server) -> None:
    server.behaviours["RETR 2"] = b"+OK\r\n" + b"x" * 5000
    mailbox = await opened(server, Options(limits=Limits(mail=2000)))
    entries = (await mailbox.listing()).entries
    with pytest.raises(LimitExceeded) as caught:
        await retrieved(mailbox, entries[:2])
    assert caught.value.entry == entries[1]
    await mailbox.abort()


async def test_a_quit_that_the_server_refuses_is_an_error(server: Pop3Server) -> None:
    server.behaviours["QUIT"] = b"-ERR some deleted messages not removed\r\n"
    mailbox = await opened(server)
    with pytest.raises(SourceRefused, match="not removed"):
        await mailbox.finish()
    await mailbox.abort()


async def test_garbage_in_the_listing_ends_the_session_with_an_error_of_ours(server: Pop3Server) -> None:
    server.behaviours["STAT"] = b"\x16\x03\x01 garbage\r\n"
    mailbox = await opened(server)
    with pytest.raises(SourceViolation):
        await mailbox.listing()
    with pytest.raises(SourceViolation):
        await mailbox.finish()
    await mailbox.abort()


async def test_two_answers_that_arrive_together_are_told_apart() -> None:
    mail = b".a\r\n.\r\n"
    async with Pop3Server({"bob": [("a", mail), ("b", mail)]}) as server:
        mailbox = await opened(server)
        entries = (await mailbox.listing()).entries
        server.behaviours["RETR 1"] = b"+OK\r\n" + stuffed(mail) + b"+OK\r\n" + stuffed(mail)
        server.behaviours["RETR 2"] = SILENCE
        assert whole_mails(await retrieved(mailbox, entries)) == [(1, mail), (2, mail)]
        await mailbox.abort()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.mark.parametrize("tls", [Tls.WANTED, Tls.REQUIRED, Tls.IMPLICIT])
async def test_mails_come_through_tls(certificate: Certificate, tls: Tls) -> None:
    implicit = tls is Tls.IMPLICIT
    context = certificate.server_context()
    async with Pop3Server({"bob": list(MAILS)}, tls=context, implicit_tls=implicit) as server:
        endpoint = Endpoint("localhost", server.port, tls, ca_file=certificate.ca_file)
        mailbox = await open_pop3(endpoint, "bob", "secret")
        entries = (await mailbox.listing()).entries
        assert whole_mails(await retrieved(mailbox, entries)) == list(enumerate(NASTY, 1))
        await mailbox.finish()
        before_login = ["CAPA"] if implicit else ["CAPA", "STLS", "CAPA"]
        assert server.verbs()[: len(before_login) + 1] == [*before_login, "AUTH"]
        assert server.connections == 1


@pytest.mark.parametrize("fault", ["self-signed", "another name", "expired"])
async def test_wanted_tls_with_an_untrusted_certificate_goes_on_encrypted(fault: str, tmp_path: Path) -> None:
    if fault == "expired":
        shown = make_expired_certificate(tmp_path)
    else:
        shown = make_certificate(tmp_path, "DNS:elsewhere.example" if fault == "another name" else LOCAL)
    async with Pop3Server({"bob": []}, tls=shown.server_context()) as server:
        ca_file = None if fault == "self-signed" else shown.ca_file
        endpoint = Endpoint("localhost", server.port, Tls.WANTED, ca_file=ca_file)
        first = await open_pop3(endpoint, "bob", "secret", auth=["plain"])
        (problem,) = (await first.listing()).problems
        assert "is not trusted" in problem
        assert "encrypted, but the server is not verified" in problem
        assert first.shortfall is not None
        assert first.shortfall.encrypted
        await first.abort()
        tried = ["CAPA", "STLS"]
        assert server.verbs()[:6] == [*tried, *tried, "CAPA", "AUTH"]
        assert server.connections == 2

        again = await open_pop3(endpoint, "bob", "secret", auth=["plain"])
        assert (await again.listing()).problems == (problem,)
        await again.abort()
        assert server.connections == 3


async def test_wanted_tls_that_is_not_offered_is_told_of() -> None:
    async with Pop3Server({"bob": []}) as server:
        mailbox = await open_pop3(
            Endpoint("localhost", server.port, Tls.WANTED), "bob", "secret", auth=["plain"]
        )
        (problem,) = (await mailbox.listing()).problems
        assert "does not offer STLS. The session with" in problem
        assert "is not encrypted" in problem
        await mailbox.abort()


async def test_required_tls_with_an_untrusted_certificate_ends_before_the_login(
    certificate: Certificate,
) -> None:
    async with Pop3Server({"bob": []}, tls=certificate.server_context()) as server:
        with pytest.raises(TlsFailed):
            await open_pop3(Endpoint("localhost", server.port, Tls.REQUIRED), "bob", "secret")
        assert server.verbs() == ["CAPA", "STLS"]


DATED = [
    (f"uid{n}", b"Received: by b.example; Sun, 1 Nov 2026 12:00:%02d +0000\r\n\r\nbody\r\n" % n)
    for n in range(1, 9)
]


async def when_received(mailbox: Pop3Mailbox) -> dict[str, float | None]:
    entries = (await mailbox.listing()).entries
    return {entry.uid: moment async for entry, moment in mailbox.received(entries)}


@pytest.mark.parametrize("capabilities", [["TOP", "PIPELINING"], ["TOP"]])
async def test_headers_tell_when_mails_were_received(capabilities: list[str]) -> None:
    async with Pop3Server({"bob": DATED}, capabilities=[*NO_PIPELINING, *capabilities]) as server:
        server.behaviours["TOP"] = headers_by_top
        mailbox = await opened(server)
        assert await when_received(mailbox) == {uid: 1_793_534_400.0 + int(uid[3:]) for uid, _ in DATED}
        await mailbox.finish()
        assert "RETR" not in server.verbs()


async def test_a_server_that_does_not_announce_top_is_not_asked_for_headers() -> None:
    async with Pop3Server({"bob": DATED}, capabilities=NO_PIPELINING) as server:
        mailbox = await opened(server)
        assert set((await when_received(mailbox)).values()) == {None}
        await mailbox.finish()
        assert "TOP" not in server.verbs()


async def test_a_server_that_refuses_every_header_is_soon_left_alone() -> None:
    async with Pop3Server({"bob": DATED}) as server:
        server.behaviours["CAPA"] = server.behaviours["TOP"] = b"-ERR what?\r\n"
        mailbox = await opened(server)
        assert set((await when_received(mailbox)).values()) == {None}
        await mailbox.finish()
        assert server.verbs().count("TOP") == 3


async def test_a_mail_whose_header_is_refused_has_no_date_and_the_others_have() -> None:
    async with Pop3Server({"bob": DATED}, capabilities=[*NO_PIPELINING, "TOP", "PIPELINING"]) as server:
        server.behaviours["TOP"] = headers_by_top
        server.behaviours["TOP 1 0"] = server.behaviours["TOP 5 0"] = b"-ERR not that one\r\n"
        mailbox = await opened(server)
        received = await when_received(mailbox)
        await mailbox.finish()
    assert [uid for uid, moment in received.items() if moment is None] == ["uid1", "uid5"]
