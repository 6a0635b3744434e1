"""Two fuzzers of whole IMAP sessions. Right dialogues with oddities mixed in: no mail is lost, none comes
under another's name, and none is deleted but ours. Octets at random: memory stays flat, and the session ends
with an error of ours, or well.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Sequence

from services.fetcher.mailboxes.imap_opening import open_imap
from services.fetcher.mailboxes.mailbox import Mailbox
from shared.imap.limits import FetchWindow, Limits, Options
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed
from shared.net.login.wire import Timeouts
from tests.fakes.imap_folders import DELETED, ImapMail
from tests.fakes.imap_selected import Items, Selected, joined
from tests.fakes.imap_server import BASIC, CAPABILITIES, FakeImapSession, ImapServer, Outcome
from tests.fakes.imap_wire import literal
from tests.fakes.reading import Read

SESSIONS = 100
SPOILT = 40
COUNT = 12
MIB = 1024 * 1024
BETWEEN = (
    b"* 1 FETCH (FLAGS (\\Seen))\r\n",
    b"* 3 FETCH (UID 3 FLAGS ())\r\n",
    b"* OK [ALERT] look here\r\n",
    b"* NO [XYZZY a] \xff\r\n",
    b"* XYZZY ({3}\r\n)\r\n NIL)\r\n",
    b"* 14 EXISTS\r\n",
    b"* BYE soon\r\n",
    b"* STATUS INBOX ()\r\n",
)


def too_short(raw: bytes) -> int:
    """Return a size that is too small, and shows: the octet behind could not end the mail's answer."""
    return next(size for size in range(max(0, len(raw) - 17), len(raw)) if raw[size] not in b") ")


LIES = (
    lambda _: b"NIL",
    lambda _: literal(b""),
    lambda raw: literal(raw, len(raw) + 13),
    lambda raw: literal(raw, too_short(raw)),
    lambda raw: b"(" + literal(raw),
)


def mails(chance: random.Random) -> list[bytes]:
    """Mails that look like what stands around them."""
    texts = (b"a line\r\n", b")\r\n", b"* 1 FETCH (UID 2 BODY[] {3}\r\n", b"x1 OK\r\n", b"\r\n", b"{9}\r\n")
    return [
        b"Subject: mail %d\r\n\r\n" % number + b"".join(chance.choices(texts, k=chance.randrange(30)))
        for number in range(COUNT)
    ]


class Mixed:
    """What one odd server does with mails, by chance. `removed` and `marked` are another client's doing."""

    def __init__(self, server: ImapServer, chance: random.Random) -> None:
        self._server = server
        self._chance = chance
        self._liars = {uid: chance.choice(LIES) for uid in self._some(0.06)}
        self._comes_along = chance.random() * 0.3
        self._order = chance.choice([1, -1])
        self._hangs_up = chance.random() < 0.1
        self.marked = self._some(0.1)
        oddities = server.oddities
        oddities.body = self._body
        oddities.line = self._line
        oddities.before_line = self._before
        # Against a SEARCH for marked mails that leaves some out there is no help without UIDPLUS.
        oddities.hides = self._some(0.05) - self.marked
        oddities.silent_bodies = self._some(0.05)
        oddities.keeps = self._some(0.05)
        if chance.random() < 0.3:
            oddities.size = lambda mail: len(mail.raw) * mail.uid % 700
        for mail in server.folder("u").mails:
            mail.flags |= {DELETED} if mail.uid in self.marked else set()
        extensions = [each for each in CAPABILITIES if chance.random() < 0.7]
        server.capabilities = [*BASIC, *extensions]
        server.piece = chance.choice([0, 0, 7, 100])
        server.behaviours["UID FETCH"] = self._fetch

    def _some(self, share: float) -> set[int]:
        return {uid for uid in range(1, COUNT + 1) if self._chance.random() < share}

    def _body(self, raw: bytes, mail: ImapMail) -> bytes:
        return self._liars.get(mail.uid, literal)(raw)

    def _line(self, number: int, items: Items) -> bytes:
        return joined(number, items[:: self._order])

    def _before(self, selected: Selected, mail: ImapMail) -> bytes:
        if self._chance.random() > self._comes_along:
            return b""
        if self._chance.random() < 0.1:
            selected.folder.remove({self._chance.randrange(1, COUNT + 1)} - {mail.uid})
            return selected.changes()
        return self._chance.choice(BETWEEN)

    def _fetch(self, session: FakeImapSession) -> Outcome:
        if not self._hangs_up or "BODY" not in session.command.line:
            return None
        answer = session.honest()
        session.hang_up()
        return answer[: self._chance.randrange(len(answer))]


async def opened(server: ImapServer, chance: random.Random) -> Mailbox:
    options = Options(
        timeouts=Timeouts(connect=10, login=10, inactivity=10, session=20),
        limits=Limits(whole=chance.choice([100, 256 * 1024]), mail=MIB, listing=MIB, session=8 * MIB),
        window=FetchWindow(mails=chance.choice([1, 3, 50])),
    )
    endpoint = Endpoint(server.host, server.port, Tls.OFF)
    return await open_imap(endpoint, "u", "secret", options=options)


async def carried(server: ImapServer, chance: random.Random) -> tuple[Sequence[Listed], Read, bool]:
    """List, read, delete what was read, and end; return what came, and whether nothing failed."""
    entries: Sequence[Listed] = ()
    found = Read()
    mailbox = await opened(server, chance)
    try:
        entries = (await mailbox.listing()).entries
        async for events in mailbox.retrieve(entries):
            for event in events:
                found.add(event)
        ours = [entry for entry in entries if entry.number in found.mails]
        await mailbox.still_there(await mailbox.delete(ours))
        await mailbox.finish()
    except MailferryError:
        return entries, found, False
    finally:
        await mailbox.abort()
    return entries, found, True


async def check_session(seed: int) -> bool:
    """Check one session; return whether nothing failed."""
    chance = random.Random(seed)
    given = dict(enumerate(mails(chance), 1))
    async with ImapServer({"u": given.values()}) as server:
        mixed = Mixed(server, chance)
        entries, found, ended = await carried(server, chance)
        folder = server.folder("u")
        by_number = {entry.number: int(entry.uid) for entry in entries}
        ours = {by_number[number] for number in found.mails}
        for number, mail in found.mails.items():
            assert mail == given[by_number[number]], f"seed {seed}: a mail is another's"
        removed = {mail.uid for mail in folder.removed}
        expunged = {mail.uid for mail in folder.expunged}
        assert expunged <= ours, f"seed {seed}: {expunged - ours} were deleted unread"
        if ended:
            told = ours | {by_number[number] for number in found.refused}
            assert set(by_number.values()) <= told | removed, f"seed {seed}: a mail was passed over"
        marked = {mail.uid for mail in folder.mails if DELETED in mail.flags}
        assert mixed.marked <= marked | expunged | removed, f"seed {seed}: a mark was lifted"
    return ended


async def test_with_oddities_mixed_in_no_mail_is_lost_or_under_a_wrong_name() -> None:
    ended = [await check_session(seed) for seed in range(SESSIONS)]
    assert ended.count(True) > SESSIONS // 4, "some sessions must come to their end to prove anything"
    assert ended.count(False) > SESSIONS // 20


FRAGMENTS = (
    *(b"* ", b"1 FETCH (", b"UID 1 ", b"BODY[] ", b"{5}\r\n", b"{99999999}\r\n", b")", b"(", b"\r\n", b'"'),
    *(
        b"$TAG OK",
        b"$TAG NO [",
        b"] ",
        b"SEARCH 1 2",
        b"9 EXISTS\r\n",
        b"\0",
        b"\xff",
        b"NIL ",
        b"+ ",
        b"* BYE x",
    ),
    *(b"* ESEARCH", b"RFC822.SIZE 5 ", b"VANISHED 1:4294967295\r\n", b"* CAPABILITY ", b"* LIST () "),
)


def garbage(chance: random.Random) -> bytes:
    pieces = [chance.choice(FRAGMENTS) for _ in range(chance.randrange(1, 400))]
    pieces += [chance.randbytes(chance.randrange(60)) for _ in range(chance.randrange(4))]
    chance.shuffle(pieces)
    return b"".join(pieces)


def spoil(server: ImapServer, chance: random.Random) -> None:
    """Let one command be answered by octets at random; then the server hangs up."""

    def answer(session: FakeImapSession) -> bytes:
        session.hang_up()
        honest = session.honest() if session.command.line else b""
        return chance.choice([b"", honest[: chance.randrange(len(honest) + 1)]]) + garbage(chance)

    verbs = ("GREETING", "CAPABILITY", "ENABLE", "SELECT", "UID FETCH", "UID STORE", "UID SEARCH", "LOGOUT")
    server.behaviours[chance.choice(verbs)] = answer


async def one_spoilt(seed: int) -> None:
    chance = random.Random(seed)
    given = dict(enumerate(mails(chance), 1))
    async with ImapServer({"u": given.values()}) as server:
        spoil(server, chance)
        try:
            _, found, _ = await carried(server, chance)
        except MailferryError:
            return
        expunged = {mail.uid for mail in server.folder("u").expunged}
        assert len(expunged) <= len(found.mails), f"seed {seed}"


async def test_octets_at_random_end_the_session_and_take_no_memory() -> None:
    await one_spoilt(-1)  # imports and caches
    tracemalloc.start()
    try:
        for seed in range(SPOILT):
            await one_spoilt(seed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB
