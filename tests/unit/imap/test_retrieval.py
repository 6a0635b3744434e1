from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap.commands import examine
from shared.imap.conversation import Conversation
from shared.imap.limits import FetchWindow, Limits
from shared.imap.retrieval import Retrieval
from shared.imap.uid_set import UidSet
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
    LimitExceeded,
    LoginTooSoon,
    OutOfStep,
    SourceBusy,
    SourceRefused,
    SourceViolation,
)
from tests.unit.imap.sessions import SERVER, AnsweringStream

WINDOW = FetchWindow(mails=4, octets=4000, alone=500, sets=2)
NOTICE = b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 1\r\n\r\n"


def fetch(uid: int, mail: bytes | None, number: int = 1) -> bytes:
    body = b"NIL" if mail is None else b"{%d}\r\n%s" % (len(mail), mail)
    return b"* %d FETCH (UID %d BODY[] %s)\r\n" % (number, uid, body)


def uid_behind(uid: int, mail: bytes) -> bytes:
    return b"* 1 FETCH (BODY[] {%d}\r\n%s UID %d)\r\n" % (len(mail), mail, uid)


class Server:
    """Holds `mails` by UID; `says` is how it answers for some of them, `ends` the end of each answer."""

    def __init__(
        self,
        mails: Mapping[int, bytes],
        says: Mapping[int, bytes] | None = None,
        ends: Callable[[Collection[int]], bytes] = lambda _: b"OK done",
        octets: int = 0,
    ) -> None:
        self.mails = dict(mails)
        self.says = dict(says or {})
        self.ends = ends
        self.stream = AnsweringStream(self._answer, octets=octets)

    def _answer(self, tag: bytes, command: str) -> bytes:
        if command.startswith("UID FETCH "):
            uids = [uid for uid in UidSet.parse(command.split()[2].encode()) if uid in self.mails]
            bodies = b"".join(self.says.get(uid, fetch(uid, self.mails[uid])) for uid in uids)
            return bodies + tag + b" " + self.ends(uids) + b"\r\n"
        if command.startswith("UID SEARCH UID "):
            asked = UidSet.parse(command.split()[3].encode())
            found = b"".join(b" %d" % uid for uid in self.mails if uid in asked)
            return b"* SEARCH" + found + b"\r\n" + tag + b" OK\r\n"
        return tag + b" OK\r\n"

    @property
    def fetched(self) -> list[str]:
        """The sets that were asked for, in their order."""
        return [each.split()[2] for each in self.stream.commands if each.startswith("UID FETCH")]


def entries_of(mails: Mapping[int, bytes], **sizes: int) -> list[Listed]:
    return [
        Listed(f"{uid:010d}", number, sizes.get(f"uid{uid}", len(mail)))
        for number, (uid, mail) in enumerate(sorted(mails.items()), 1)
    ]


async def events_of(
    server: Server,
    entries: Sequence[Listed],
    cut: Collection[str] = (),
    limits: Limits | None = None,
    events: list[RetrieveEvent] | None = None,
) -> list[RetrieveEvent]:
    conversation = Conversation(server.stream, SERVER, limits or Limits(whole=500))
    await conversation.read_greeting()
    await conversation.execute(examine(b"INBOX"))
    uids = {entry.number: int(entry.uid) for entry in entries}
    found: list[RetrieveEvent] = [] if events is None else events
    async for batch in Retrieval(conversation, entries, uids, WINDOW, cut).run():
        assert batch
        found += batch
    return found


def mails_in(events: Sequence[RetrieveEvent]) -> dict[int, bytes]:
    """The mails that came whole, by UID."""
    came: dict[int, bytes] = {}
    pieces: list[bytes] = []
    for event in events:
        match event:
            case MailWhole(entry, data):
                came[int(entry.uid)] = data
            case MailStarted():
                pieces = []
            case MailBytes(data=data):
                pieces.append(data)
            case MailEnded(entry, octets):
                came[int(entry.uid)] = b"".join(pieces)
                assert len(came[int(entry.uid)]) == octets
    return came


def refused(events: Sequence[RetrieveEvent]) -> dict[int, MailRefused]:
    return {int(event.entry.uid): event for event in events if isinstance(event, MailRefused)}


def some_mails(count: int) -> dict[int, bytes]:
    return {uid: b"Subject: %d\r\n\r\n%s" % (uid, b"x" * uid) for uid in range(11, 11 + count)}


async def test_mails_come_in_sets_and_in_their_order() -> None:
    mails = some_mails(6)
    server = Server(mails)
    events = await events_of(server, entries_of(mails))
    assert [type(event) for event in events] == [MailWhole] * 6
    assert list(mails_in(events).items()) == list(mails.items())
    assert server.fetched == ["11:14", "15:16"]


async def test_a_large_mail_comes_in_pieces_and_alone() -> None:
    mails = {**some_mails(2), 20: b"A: b\r\n\r\n" + b"y" * 3000}
    server = Server(mails, octets=700)
    events = await events_of(server, entries_of(mails))
    assert mails_in(events) == mails
    assert server.fetched == ["11:12", "20"]
    assert [type(event) for event in events].count(MailStarted) == 1


async def test_a_mail_that_is_larger_than_listed_and_named_behind_its_body_is_asked_for_alone() -> None:
    mails = {**some_mails(3), 12: b"A: b\r\n\r\n" + b"y" * 3000}
    server = Server(mails, says={12: uid_behind(12, mails[12])})
    events = await events_of(server, entries_of(mails, uid12=50))
    assert mails_in(events) == mails
    assert server.fetched == ["11:13", "12"]


async def test_a_mail_that_is_larger_than_listed_is_read_from_its_set_where_it_is_named() -> None:
    mails = {**some_mails(3), 12: b"A: b\r\n\r\n" + b"y" * 3000}
    server = Server(mails)
    assert mails_in(await events_of(server, entries_of(mails, uid12=50))) == mails
    assert server.fetched == ["11:13"]


async def test_mails_of_the_wrong_order_are_told_apart_by_uid() -> None:
    mails = some_mails(2)
    server = Server(mails, says={11: fetch(12, mails[12]), 12: fetch(11, mails[11])})
    assert mails_in(await events_of(server, entries_of(mails))) == mails


@pytest.mark.parametrize("nothing", [b"", fetch(12, None), fetch(12, b"")])
async def test_a_mail_of_which_nothing_comes_is_refused_where_it_is_still_there(nothing: bytes) -> None:
    mails = some_mails(3)
    server = Server(mails, says={12: nothing})
    events = await events_of(server, entries_of(mails))
    assert sorted(mails_in(events)) == [11, 13]
    assert "nothing at all in place of mail 2" in str(refused(events)[12].error)


@pytest.mark.parametrize("end", [b"OK done", b"OK [EXPUNGEISSUED] some are gone", b"NO it no longer exists"])
async def test_a_mail_that_another_client_deleted_is_no_failure(end: bytes) -> None:
    mails = some_mails(3)
    entries = entries_of(mails)
    server = Server({11: mails[11], 13: mails[13]}, ends=lambda _: end)
    events = await events_of(server, entries)
    assert sorted(mails_in(events)) == [11, 13]
    assert refused(events) == {}


async def test_an_empty_mail_that_is_listed_so_is_a_mail() -> None:
    mails = {11: b"", 12: b"A: b\r\n\r\n"}
    assert mails_in(await events_of(Server(mails), entries_of(mails))) == mails


async def test_a_refused_set_is_asked_for_one_by_one_and_only_the_broken_mail_is_refused() -> None:
    mails = some_mails(6)
    says = {12: b""}
    server = Server(mails, says, ends=lambda uids: b"NO Cannot open message" if 12 in uids else b"OK")
    events = await events_of(server, entries_of(mails))
    assert sorted(mails_in(events)) == [11, 13, 14, 15, 16]
    assert type(refused(events)[12].error) is SourceRefused
    assert not refused(events)[12].of_all


async def test_a_mail_that_is_always_unavailable_stops_no_other() -> None:
    mails = some_mails(6)
    server = Server(mails, {12: b""}, ends=lambda uids: b"NO [UNAVAILABLE] no" if 12 in uids else b"OK")
    events = await events_of(server, entries_of(mails))
    assert sorted(mails_in(events)) == [11, 13, 14, 15, 16]
    assert type(refused(events)[12].error) is SourceBusy
    assert not refused(events)[12].of_all


async def test_a_server_that_serves_no_mail_for_now_is_not_asked_for_all() -> None:
    mails = some_mails(40)
    server = Server(mails, dict.fromkeys(mails, b""), ends=lambda _: b"NO [SERVERBUG] Internal error")
    events: list[RetrieveEvent] = []
    with pytest.raises(SourceBusy, match="Retrieving mail"):
        await events_of(server, entries_of(mails), events=events)
    assert all(each.of_all for each in refused(events).values())
    assert len(server.fetched) < 15


async def test_a_provider_that_wants_to_be_left_alone_is() -> None:
    mails = some_mails(40)
    server = Server(mails, dict.fromkeys(mails, b""), ends=lambda _: b"NO [LIMIT] Enough")
    with pytest.raises(LoginTooSoon):
        await events_of(server, entries_of(mails))
    assert len(server.fetched) < 15


async def test_a_notice_in_place_of_a_mail_is_refused() -> None:
    mails = some_mails(2)
    events = await events_of(Server(mails, {12: fetch(12, NOTICE)}), entries_of(mails))
    assert sorted(mails_in(events)) == [11]
    assert "sent a notice in its place" in str(refused(events)[12].error)


async def test_a_literal_that_ends_too_early_costs_that_mail_and_the_session() -> None:
    mails = some_mails(3)
    cut = b"* 1 FETCH (UID 12 BODY[] {10}\r\n%s)\r\n" % mails[12]
    events: list[RetrieveEvent] = []
    with pytest.raises(OutOfStep) as caught:
        await events_of(Server(mails, {12: cut}), entries_of(mails), events=events)
    assert caught.value.entry.uid == "0000000012"
    assert sorted(mails_in(events)) == [11]


async def test_a_mail_above_the_limit_is_refused_before_it_is_read() -> None:
    mails = {**some_mails(2), 20: b"y" * 3000}
    with pytest.raises(LimitExceeded) as caught:
        await events_of(Server(mails), entries_of(mails), limits=Limits(mail=2000))
    assert caught.value.entry is not None
    assert caught.value.entry.uid == "0000000020"


async def test_a_mail_whose_answer_has_no_end_is_to_blame_for_it() -> None:
    mails = some_mails(2)
    endless = b"* 1 FETCH (UID 11 X " + b"x" * 70_000
    with pytest.raises(LimitExceeded) as caught:
        await events_of(Server(mails, {11: endless}), entries_of(mails))
    assert caught.value.entry is not None
    assert caught.value.entry.uid == "0000000011"


async def test_a_mail_that_nobody_asked_for_ends_the_session() -> None:
    mails = some_mails(2)
    with pytest.raises(SourceViolation, match="not asked for"):
        await events_of(Server(mails, {12: fetch(99, b"x")}), entries_of(mails))


async def test_changes_that_others_make_meanwhile_disturb_nothing() -> None:
    mails = some_mails(3)
    noise = b"* 5 EXISTS\r\n* 1 EXPUNGE\r\n* 2 FETCH (FLAGS (\\Seen) UID 12)\r\n* OK [ALERT] hi\r\n"
    server = Server(mails, {uid: noise + fetch(uid, mail) for uid, mail in mails.items()})
    assert mails_in(await events_of(server, entries_of(mails))) == mails


async def test_a_mail_that_was_cut_before_is_read_alone() -> None:
    mails = some_mails(4)
    entries = entries_of(mails)
    server = Server(mails)
    assert mails_in(await events_of(server, entries, cut=[entries[1].name])) == mails
    assert server.fetched == ["11", "12", "13:14"]


KINDS = ("whole", "behind", "nil", "nothing", "gone", "gone though announced")


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 1500), st.integers(0, 1500)), max_size=25),
    st.integers(0, 300),
    st.booleans(),
)
async def test_no_mail_is_lost_and_none_gets_anothers_octets(
    plan: list[tuple[str, int, int]], octets: int, refuses: bool
) -> None:
    mails = {uid: re.sub(rb"x", b"%d." % uid, b"x" * size) for uid, (_, size, _) in enumerate(plan, 11)}
    listed = {f"uid{uid}": size for uid, (_, _, size) in enumerate(plan, 11)}
    kinds = {uid: kind for uid, (kind, _, _) in enumerate(plan, 11)}
    says: dict[int, bytes] = {}
    for uid, kind in kinds.items():
        if kind == "behind":
            says[uid] = uid_behind(uid, mails[uid])
        elif kind in ("nil", "nothing"):
            says[uid] = fetch(uid, None) if kind == "nil" else b""
    entries = entries_of(mails, **listed)
    there = {uid: mail for uid, mail in mails.items() if not kinds[uid].startswith("gone")}
    end = b"NO [EXPUNGEISSUED] gone" if refuses else b"OK"
    server = Server(there, says, ends=lambda _: end, octets=octets)
    events = await events_of(server, entries, limits=Limits(whole=500))
    came, missing = mails_in(events), refused(events)
    for uid, mail in mails.items():
        kind = kinds[uid]
        if kind.startswith("gone"):
            assert uid not in came
            assert uid not in missing
        elif kind in ("nil", "nothing") or (not mail and listed[f"uid{uid}"]):
            assert uid in missing
            assert uid not in came
        else:
            assert came[uid] == mail
            assert uid not in missing


@pytest.mark.parametrize("whole", [20, 500])
@pytest.mark.parametrize("octets", [0, 1, 40])
@pytest.mark.parametrize(
    "behind", [b"more\r\n", b"* item\r\nmore\r\n", b"* item\r\n", b"* 3 EXISTS\r\n", b""]
)
async def test_a_mail_is_not_cut_where_its_text_looks_like_its_end(
    whole: int, octets: int, behind: bytes
) -> None:
    mails = some_mails(3)
    text = b"Subject: a list\r\n\r\n(a list"
    mails[12] = text + b")\r\n" + behind
    too_short = b"* 2 FETCH (UID 12 BODY[] {%d}\r\n%s)\r\n" % (len(text), mails[12])
    events: list[RetrieveEvent] = []
    server = Server(mails, {12: too_short}, octets=octets)
    with pytest.raises(OutOfStep) as caught:
        await events_of(server, entries_of(mails), events=events, limits=Limits(whole=whole))
    assert caught.value.entry.uid == "0000000012"
    assert sorted(mails_in(events)) == [11]


async def test_a_mail_without_end_behind_what_looks_like_its_end_is_cut() -> None:
    mails = some_mails(2)
    endless = b"* 2 FETCH (UID 12 BODY[] {3}\r\nabc)\r\n" + b"x" * 70_000
    events: list[RetrieveEvent] = []
    with pytest.raises(OutOfStep) as caught:
        await events_of(Server(mails, {12: endless}), entries_of(mails), events=events)
    assert caught.value.entry.uid == "0000000012"
    assert sorted(mails_in(events)) == [11]
