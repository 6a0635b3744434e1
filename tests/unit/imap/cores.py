"""Sessions in the states that tests begin with, and ways to feed them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from shared.imap import commands
from shared.imap.commands import Command, Verb
from shared.imap.connection import ImapConnection
from shared.imap.events import BodyData, Broken, Event
from shared.imap.limits import Limits
from shared.imap.states import State
from shared.model.errors import MailferryError

SERVER = "imap.example:143"
PREFIX = "x7"
DEFAULT = Limits()
SMALL = Limits(line=200, literal=60, answer=400, listing=4000, whole=16, mail=1000)


class Session:
    """A core, with the tags of what was sent since the session was as the test wants it."""

    def __init__(self, limits: Limits = DEFAULT, *, tls_required: bool = False) -> None:
        self.core = ImapConnection(SERVER, limits, tag_prefix=PREFIX, tls_required=tls_required)
        self.tags: list[bytes] = []
        self._sent = 0

    def send(self, command: Command) -> bytes:
        """The octets without the tag, which is then the last of `tags`."""
        wire = self.core.send(command)
        if command.verb in {Verb.RESPONSE, Verb.DONE}:
            return wire
        self._sent += 1
        self.tags.append(b"%s%d" % (PREFIX.encode(), self._sent))
        assert wire.startswith(self.tags[-1] + b" ")
        return wire[len(self.tags[-1]) + 1 :]

    def with_tags(self, stream: bytes) -> bytes:
        """The octets with tags for `$1`, `$2`…, by the order in which commands were sent."""
        return re.sub(rb"\$([1-9])", lambda found: self.tags[int(found[1]) - 1], stream)

    def receive(self, stream: bytes) -> list[Event]:
        return self.core.receive(self.with_tags(stream))

    def state(self) -> State:
        """The state now: mypy would take that of an attribute for what it was before."""
        return self.core.state

    def ask(self, command: Command, answer: bytes) -> list[Event]:
        """Send, and receive an answer in which `$1` is the tag."""
        self.tags.clear()
        self.send(command)
        events = self.receive(answer)
        self.tags.clear()
        return events


def greeted(limits: Limits = DEFAULT, greeting: bytes = b"* OK hello\r\n") -> Session:
    session = Session(limits)
    session.receive(greeting)
    return session


def logged_in(limits: Limits = DEFAULT, capabilities: bytes = b"IMAP4rev1") -> Session:
    session = greeted(limits)
    session.ask(commands.login("bob", "secret"), b"$1 OK [CAPABILITY %s] in\r\n" % capabilities)
    assert session.core.state is State.AUTHENTICATED
    return session


def selected(limits: Limits = DEFAULT, capabilities: bytes = b"IMAP4rev1") -> Session:
    session = logged_in(limits, capabilities)
    session.ask(commands.select(b"INBOX"), b"* 3 EXISTS\r\n$1 OK [READ-WRITE] done\r\n")
    assert session.core.state is State.SELECTED
    return session


def fed(session: Session, pieces: Sequence[bytes]) -> list[Event]:
    """The events of these pieces, as far as the session does not break."""
    events: list[Event] = []
    for piece in pieces:
        if session.core.state is State.BROKEN:
            break
        events += session.core.receive(piece)
    return events


def merged(events: Sequence[Event]) -> list[object]:
    """Large bodies may be cut anywhere; this makes one piece of them. An error is its text."""
    out: list[object] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, BodyData) and isinstance(last, BodyData):
            out[-1] = BodyData(last.data + event.data)
        elif isinstance(event, Broken):
            assert isinstance(event.error, MailferryError)
            out.append((type(event.error), str(event.error)))
        else:
            out.append(event)
    return out


def by_octet(stream: bytes) -> list[bytes]:
    return [stream[at : at + 1] for at in range(len(stream))]


def cut_at(stream: bytes, places: Sequence[int]) -> list[bytes]:
    bounds = [0, *sorted(places), len(stream)]
    return [piece for piece in (stream[a:b] for a, b in pairwise(bounds)) if piece]


TRAILING = (b"", b"* 9 EXISTS\r\n", b"* OK [ALERT] x", b"* 1 FETCH (", b"\r", b"*")


def alike(make: Callable[[], Session], stream: bytes) -> list[object]:
    """The events of `stream`, with tags for `$1`…, in a session that `make` makes.

    The same come octet by octet, and with each kind of trailing data.
    """
    session = make()
    stream = session.with_tags(stream)
    events = merged(fed(session, [stream]))
    assert merged(fed(make(), by_octet(stream))) == events
    for trailing in TRAILING:
        assert merged(fed(make(), [stream + trailing]))[: len(events)] == events
    return events
