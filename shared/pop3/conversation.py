"""The protocol core and a connection put together: commands are sent, events awaited, the dialogue shown.

Nothing of POP3 is decided here, and no socket is known here.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from shared.model.endpoint import Endpoint
from shared.model.errors import quoted
from shared.model.masking import Masker
from shared.model.source_errors import SessionTooLong, SourceViolation
from shared.net.errors import ConnectionLost
from shared.net.login.wire import Dialogue, Wire
from shared.pop3.commands import Command, Verb
from shared.pop3.connection import Pop3Connection
from shared.pop3.events import (
    Body,
    BodyEnded,
    Broken,
    Challenge,
    Event,
    Greeting,
    Reply,
    Unreadable,
)
from shared.pop3.limits import Limits

Answer: TypeAlias = Reply | Challenge | Body


class Conversation:
    """One session on one connection; `masker` takes secrets out of what the server says."""

    def __init__(
        self,
        wire: Wire,
        server: str,
        limits: Limits,
        *,
        masker: Masker | None = None,
        dialogue: Dialogue | None = None,
    ) -> None:
        self.wire = wire
        self.server = server
        self.masker = masker or Masker()
        self._core = Pop3Connection(server, limits, self.masker)
        self._ready: deque[Event] = deque()
        self._dialogue = dialogue
        self._most = limits.session
        self._meter = limits.meter
        self._received = 0

    @property
    def outstanding(self) -> int:
        """Commands that are not fully answered, by what was received so far."""
        return self._core.outstanding

    @property
    def in_doubt(self) -> bool:
        """Whether a line that is no answer may have taken the place of one since an answer was recognised."""
        return self._core.in_doubt

    def tolerate_noise(self, tolerates: bool) -> None:
        """Whether lines that are no answers are `Unreadable`, or else the end of the session."""
        self._core.tolerates_noise = tolerates

    @property
    def violation(self) -> SourceViolation | None:
        """What the server did against the protocol right behind the events handed out last, if it did."""
        match list(self._ready)[:1]:
            case [Broken(error=SourceViolation() as error)]:
                return error
            case _:
                return None

    async def read_greeting(self) -> Greeting:
        """The server's first line."""
        event = await self._next()
        assert isinstance(event, Greeting)
        return event

    async def execute(self, command: Command, behind: Sequence[Command] = ()) -> Answer:
        """Send one command and wait for its answer; not for answers that may be large. The answers to what
        is sent `behind` it are left.
        """
        await self.send_commands((command, *behind))
        return await self._answer()

    async def read_answers(self, count: int) -> list[Answer]:
        """The next answers to what was sent before."""
        return [await self._answer() for _ in range(count)]

    async def execute_all(self, commands: Sequence[Command], window: int) -> list[Answer]:
        """Send commands, `window` at a time ahead of their answers, and wait for all answers."""
        answers: list[Answer] = []
        sent = 0
        while len(answers) < len(commands):
            batch = commands[sent : len(answers) + window]
            await self.send_commands(batch)
            sent += len(batch)
            answers.append(await self._answer())
            while self._ready and len(answers) < sent:
                answers.append(_as_answer(self._taken()))
        return answers

    async def send_commands(self, commands: Iterable[Command]) -> None:
        """Send commands without waiting for answers; raises the error of a session that broke."""
        if self._ready and isinstance(self._ready[0], Broken):
            raise self._ready[0].error
        out = []
        for command in commands:
            out.append(self._core.send(command))
            if self._dialogue is not None:
                self._dialogue("C", quoted(command.shown))
        if out:
            # A server that hung up may have said why; the read that follows finds that, or the loss itself.
            with contextlib.suppress(ConnectionLost):
                self.wire.write(b"".join(out))
                await self.wire.drain()

    async def read_events(self) -> list[Event]:
        """All events that are there, at least one; raises the error of a session that broke."""
        if not self._ready:
            await self._receive()
        if isinstance(self._ready[0], Broken):
            raise self._ready[0].error
        events = list(self._ready)
        self._ready.clear()
        if isinstance(events[-1], Broken):
            self._ready.append(events.pop())
        return events

    async def discard_answers(self) -> None:
        """Read and throw away the answers to all that was sent."""
        while self._core.outstanding or self._ready:
            await self.read_events()

    async def start_tls(self, endpoint: Endpoint) -> None:
        """Switch to TLS, after the server agreed. Raises the error of a session that broke right behind."""
        await self.send_commands(())
        await self.wire.start_tls(endpoint)
        if self._dialogue is not None:
            self._dialogue("S", "(TLS begins)")

    async def _answer(self) -> Answer:
        return _as_answer(await self._next())

    async def _next(self) -> Event:
        while True:
            while not self._ready:
                await self._receive()
            event = self._taken()
            if not isinstance(event, Unreadable):
                return event

    def _taken(self) -> Event:
        event = self._ready.popleft()
        if isinstance(event, Broken):
            self._ready.append(event)
            raise event.error
        return event

    async def _receive(self) -> None:
        while not self._ready:
            data = await self.wire.read()
            self._received += len(data)
            self._meter.received(len(data))
            if self._received > self._most:
                raise SessionTooLong(f"{self.server} sent more than {self._most} octets in one session.")
            self._ready.extend(self._core.receive(data))
        if self._dialogue is not None:
            for event in self._ready:
                for line in _shown(event, self.masker):
                    self._dialogue("S", line)


def _as_answer(event: Event) -> Answer:
    assert isinstance(event, (Reply, Challenge, Body))
    return event


def _shown(event: Event, masker: Masker) -> list[str]:
    """The lines of the dialogue for an event; mails and listings only by their size."""
    match event:
        case Greeting(ok, code, text) | Reply(_, ok, code, text):
            shown = f"[{masker.text(code)}]" if code else ""
            return [" ".join(filter(None, ("+OK" if ok else "-ERR", shown, quoted(text))))]
        case Challenge(data=data):
            return [f"+ {quoted(masker(data))}".rstrip()]
        case Body(Command(verb=Verb.CAPA | Verb.METHODS), data):
            lines = masker.lines([line for line in data.split(b"\r\n") if line])
            return ["+OK", *map(quoted, lines), "."]
        case Body(data=data):
            return [f"+OK ({len(data)} octets)"]
        case BodyEnded(octets=octets):
            return [f"+OK ({octets} octets)"]
        case Broken(error) | Unreadable(error):
            return [f"({error})"]
        case _:
            return []
