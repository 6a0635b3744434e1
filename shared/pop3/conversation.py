"""Connects the protocol core with a connection: sends commands, waits for events, and shows the dialogue."""

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
    """One session on one connection. `masker` removes secrets from what the server says."""

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
        """How many commands are not completely answered, by what was received so far."""
        return self._core.outstanding

    @property
    def in_doubt(self) -> bool:
        """Whether a line that is no answer may have replaced one since an answer was last recognised."""
        return self._core.in_doubt

    def tolerate_noise(self, tolerates: bool) -> None:
        """Set whether lines that are no answers become `Unreadable`, or end the session."""
        self._core.tolerates_noise = tolerates

    @property
    def violation(self) -> SourceViolation | None:
        """The violation right after the events that were returned last, if there was one."""
        match list(self._ready)[:1]:
            case [Broken(error=SourceViolation() as error)]:
                return error
            case _:
                return None

    async def read_greeting(self) -> Greeting:
        """Return the server's first line."""
        event = await self._next()
        assert isinstance(event, Greeting)
        return event

    async def execute(self, command: Command, behind: Sequence[Command] = ()) -> Answer:
        """Send one command and return its answer, which must not be a large one.

        The answers to the commands `behind` it are left to be read.
        """
        await self.send_commands((command, *behind))
        return await self._answer()

    async def read_answers(self, count: int) -> list[Answer]:
        """Return the next answers to commands that were sent before."""
        return [await self._answer() for _ in range(count)]

    async def execute_all(self, commands: Sequence[Command], window: int) -> list[Answer]:
        """Send commands, at most `window` ahead of their answers, and return all answers."""
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
        """Send commands without waiting for answers. Raises the error of a session that broke."""
        if self._ready and isinstance(self._ready[0], Broken):
            raise self._ready[0].error
        out = []
        for command in commands:
            out.append(self._core.send_command(command))
            if self._dialogue is not None:
                self._dialogue("C", quoted(command.shown))
        if out:
            # A server that hung up may have said why; the next read finds that, or the loss.
            with contextlib.suppress(ConnectionLost):
                self.wire.write(b"".join(out))
                await self.wire.drain()

    async def read_events(self) -> list[Event]:
        """Return all events that are there, at least one. Raises the error of a session that broke."""
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
        """Read and discard the answers to all commands that were sent."""
        while self._core.outstanding or self._ready:
            await self.read_events()

    async def start_tls(self, endpoint: Endpoint) -> None:
        """Switch to TLS, after the server agreed. Raises the error of a session that broke meanwhile."""
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
            self._ready.extend(self._core.receive_data(data))
        if self._dialogue is not None:
            for event in self._ready:
                for line in _shown(event, self.masker):
                    self._dialogue("S", line)


def _as_answer(event: Event) -> Answer:
    assert isinstance(event, (Reply, Challenge, Body))
    return event


def _shown(event: Event, masker: Masker) -> list[str]:
    """Return the lines of the dialogue for an event; of mails and listings only the size."""
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
