"""Connects the protocol core with a connection: sends commands, waits for events, and shows the dialogue."""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from shared.imap.capabilities import Capabilities
from shared.imap.commands import COMPRESS, Command
from shared.imap.compressed_wire import CompressedWire
from shared.imap.connection import ImapConnection
from shared.imap.events import (
    Broken,
    Bye,
    Challenge,
    CompressionStarted,
    Event,
    Fetched,
    Greeting,
    MailboxListed,
    MoreWanted,
    Notice,
    Reply,
)
from shared.imap.limits import Limits
from shared.imap.refusals import farewell
from shared.imap.refused_features import RefusedFeatures
from shared.imap.states import State
from shared.imap.status_lines import Condition
from shared.model.endpoint import Endpoint
from shared.model.errors import MailferryError, quoted
from shared.model.masking import Masker
from shared.model.source_errors import SessionTooLong
from shared.net.errors import ConnectionLost
from shared.net.login.wire import Dialogue, Wire

MOST_ALERTS = 5
"""A server repeats an alert in each session, and may repeat it behind each command."""
_LONGEST_ALERT = 300
_LONGEST_ANNOUNCEMENT = 2000
"""Characters of a dialogue's line with capabilities; Dovecot's after the login have some 450."""
_TAG_OCTETS = 3


class Conversation:
    """One session on one connection. `masker` removes secrets from what the server says.

    `tls_required`: nobody may be logged in before TLS is started by STARTTLS. `alerts` is what the server
    wants to be shown to people (`[ALERT]`; RFC 9051, section 7.1), and its complaints about commands.
    `refused` remembers what servers announce and refuse.
    """

    def __init__(
        self,
        wire: Wire,
        server: str,
        limits: Limits,
        *,
        tls_required: bool = False,
        masker: Masker | None = None,
        dialogue: Dialogue | None = None,
        refused: RefusedFeatures | None = None,
    ) -> None:
        self.wire = wire
        self.server = server
        self.masker = masker or Masker()
        self.alerts: list[str] = []
        self.refused = refused or RefusedFeatures()
        # Nobody who injects octets can know the tags of this connection.
        self._core = ImapConnection(
            server,
            limits,
            tag_prefix=secrets.token_hex(_TAG_OCTETS),
            tls_required=tls_required,
            redact=self.masker,
        )
        self._ready: deque[Event] = deque()
        self._dialogue = dialogue
        self._most = limits.session
        self._meter = limits.meter
        self._received = 0
        self._bye: Bye | None = None

    @property
    def capabilities(self) -> Capabilities | None:
        """What the server says it can do, for the connection as it is now; None where it has not said."""
        return self._core.capabilities

    @property
    def takes_utf8(self) -> bool:
        """Whether names are in UTF-8 on the wire (RFC 6855)."""
        return self.has_enabled("UTF8=ACCEPT")

    def has_enabled(self, name: str) -> bool:
        """Return whether ENABLE switched this extension on."""
        return name in self._core.enabled

    def can(self, *names: str) -> bool:
        """Return whether the server announces the first of these capabilities, or another that includes it,
        and has not refused the first one.
        """
        is_announced = self.capabilities is not None and not self.capabilities.names.isdisjoint(names)
        return is_announced and not self.refused.has(self.server, names[0])

    def do_without(self, name: str) -> None:
        """Note that the server refuses what it announces as `name`: `can` tells so for a day."""
        self.refused.note_refused(self.server, name)

    @property
    def outstanding(self) -> int:
        """How many commands are not completely answered, by what was received so far."""
        return self._core.outstanding

    @property
    def received(self) -> int:
        """How many octets have arrived in this session."""
        return self._received

    @property
    def has_selected(self) -> bool:
        """Whether a folder is selected."""
        return self._core.state is State.SELECTED

    def begin_anew(self) -> None:
        """Count octets anew, for a session that goes on after a pause, and forget what the server said."""
        self._received = 0
        self.alerts.clear()

    @property
    def is_logged_in(self) -> bool:
        """Whether the server takes us for somebody, as after PREAUTH."""
        return self._core.state in (State.AUTHENTICATED, State.SELECTED)

    async def read_greeting(self) -> Greeting:
        """Return the server's first line."""
        while True:
            for event in await self.read_events():
                if isinstance(event, Greeting):
                    return event

    async def execute(self, command: Command) -> Reply:
        """Send one command and return the tagged answer to it; what else comes meanwhile is dropped."""
        return reply_to(command, await self.execute_all([command]))

    async def execute_all(self, commands: Iterable[Command]) -> list[Event]:
        """Send commands and return all events until each is answered."""
        await self.send_commands(commands)
        events: list[Event] = []
        while self.outstanding or self._ready:
            events += await self.read_events()
        return events

    async def exchange(self, command: Command) -> Reply | Challenge:
        """Send the next command of a login and return the server's turn."""
        await self.send_commands([command])
        while True:
            for event in await self.read_events():
                if isinstance(event, (Reply, Challenge)):
                    return event

    async def send_commands(self, commands: Iterable[Command]) -> None:
        """Send commands without waiting for answers. Raises the error of a session that broke.

        Only the last of them may have a literal that the server has to ask for.
        """
        self._raise_broken()
        out = []
        for command in commands:
            out.append(self._core.send(command))
            if self._dialogue is not None:
                self._dialogue("C", quoted(command.shown))
        await self._write(b"".join(out))

    async def read_events(self) -> list[Event]:
        """Return all events that are there, at least one. Raises the error of a session that broke."""
        while not self._ready:
            await self._receive()
        self._raise_broken()
        events = list(self._ready)
        self._ready.clear()
        if isinstance(events[-1], Broken):
            self._ready.append(events.pop())
        return events

    async def discard_answers(self) -> None:
        """Read and discard the answers to all commands that were sent."""
        while self._core.outstanding or self._ready:
            await self.read_events()

    async def start_tls(self, endpoint: Endpoint) -> None:
        """Switch to TLS, after the server agreed. Raises the error of a session that broke meanwhile."""
        self._raise_broken()
        await self.wire.start_tls(endpoint)
        if self._dialogue is not None:
            self._dialogue("S", "(TLS begins)")

    def continue_as(self, other: Conversation) -> None:
        """Go on with the connection of `other`, which is logged in; this one's is lost.

        What has arrived still counts, and so does what the server wanted to be shown.
        """
        self.wire.abort()
        self.wire, self._core, self._ready, self._bye = other.wire, other._core, other._ready, other._bye
        self._received += other.received
        for alert in other.alerts:
            self.note_alert(alert)

    async def start_compression(self) -> Reply:
        """Ask the server to compress; from its OK on, both sides do (RFC 4978)."""
        events = await self.execute_all([COMPRESS])
        for event in events:
            if isinstance(event, CompressionStarted):
                self.wire = CompressedWire(self.wire, self.server, event.received)
                if self._dialogue is not None:
                    self._dialogue("S", "(compression begins)")
        return reply_to(COMPRESS, events)

    def note_alert(self, sentence: str) -> None:
        """Add a sentence for the operator, once, and not without end."""
        if sentence not in self.alerts and len(self.alerts) < MOST_ALERTS:
            self.alerts.append(sentence)

    def _raise_broken(self) -> None:
        if self._ready and isinstance(self._ready[0], Broken):
            raise self._error_of(self._ready[0])

    def _error_of(self, broken: Broken) -> MailferryError:
        """Return why the session broke; a server that hung up may have said why."""
        if self._bye is not None and isinstance(broken.error, ConnectionLost):
            return farewell(self.server, self._bye) or broken.error
        return broken.error

    async def _write(self, octets: bytes) -> None:
        if octets:
            # A server that hung up may have said why; the next read finds that, or the loss.
            with contextlib.suppress(ConnectionLost):
                self.wire.write(octets)
                await self.wire.drain()

    async def _receive(self) -> None:
        data = await self.wire.read()
        self._received += len(data)
        self._meter.received(len(data))
        if self._received > self._most:
            raise SessionTooLong(f"{self.server} sent more than {self._most} octets in one session.")
        known = self._core.capabilities
        events = self._core.receive(data)
        if self._dialogue is not None:
            self._show(events, learnt=self._core.capabilities is not known)
        for event in events:
            if isinstance(event, Fetched):  # nearly all are
                continue
            if isinstance(event, MoreWanted):
                await self._write(self._core.send_more())
            elif isinstance(event, Bye):
                self._bye = event
            elif isinstance(event, (Notice, Reply)) and _is_for_people(event):
                self.note_alert(f"{self.server} says: {quoted(event.text, _LONGEST_ALERT)}")
        self._ready.extend(events)

    def _show(self, events: Sequence[Event], *, learnt: bool) -> None:
        """Show the events; what the server announced, too, unless it stands in one of them."""
        assert self._dialogue is not None
        if learnt and self.capabilities is not None and not any(map(_announces, events)):
            names = " ".join(sorted(self.capabilities.names))
            self._dialogue("S", f"* CAPABILITY {quoted(self.masker(names.encode()), _LONGEST_ANNOUNCEMENT)}")
        for event in events:
            for line in _shown(event, self.masker):
                self._dialogue("S", line)


def _is_for_people(event: Notice | Reply) -> bool:
    """Return whether an operator should see the text.

    An untagged BAD is about a command that may never be answered, so that its text is the only explanation.
    """
    return event.code == "ALERT" or (isinstance(event, Notice) and event.condition is Condition.BAD)


def reply_to(command: Command, events: Iterable[Event]) -> Reply:
    """Return the tagged answer to a command from the events of `execute_all`."""
    return next(event for event in events if isinstance(event, Reply) and event.command == command)


def _announces(event: Event) -> bool:
    return isinstance(event, (Greeting, Notice, Reply)) and event.code == "CAPABILITY"


def _shown(event: Event, masker: Masker) -> Iterator[str]:
    """Yield the lines of the dialogue for an event; of mails only the size."""
    match event:
        case Greeting(condition, code, argument, text) | Notice(condition, code, argument, text):
            yield f"* {_status(condition, code, argument, text)}"
        case Bye(code, argument, text):
            yield f"* {_status(Condition.BYE, code, argument, text)}"
        case Reply(_, condition, code, argument, text):
            yield _status(condition, code, argument, text)
        case Challenge(_, data):
            yield f"+ {quoted(masker(data))}".rstrip()
        case MoreWanted():
            yield "+"
        case MailboxListed(name=name):
            yield f"* LIST {quoted(name)}"
        case Fetched(uid=uid, octets=int(octets)):
            yield f"* FETCH (UID {uid}, {octets} octets)"
        case Broken(error):
            yield f"({error})"


def _status(condition: Condition, code: str, argument: bytes, text: bytes) -> str:
    shown = quoted(argument, _LONGEST_ANNOUNCEMENT)
    bracket = f"[{' '.join(filter(None, (code, shown)))}]" if code else ""
    return " ".join(filter(None, (condition, bracket, quoted(text))))
