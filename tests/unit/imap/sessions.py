"""IMAP sessions whose server plays a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.imap.conversation import Conversation
from shared.imap.limits import Limits
from shared.model.masking import Masker
from shared.net.errors import NetworkError
from tests.fakes.scripted_stream import ScriptedStream

SERVER = "imap.example:143"
GREETING = b"* OK [CAPABILITY IMAP4rev1 UIDPLUS ESEARCH] hello\r\n"
_NUMBERED = re.compile(rb'\$(\d+)(?=[ "])')
_TAGGED = re.compile(rb"^([0-9a-f]{6})([0-9]+) ", re.MULTILINE)


class ImapScript(ScriptedStream):
    """Plays `reads`, in which `$1` stands for the tag of the first command."""

    def __init__(self, *reads: bytes | NetworkError, tls_error: NetworkError | None = None) -> None:
        super().__init__(*reads, tls_error=tls_error)
        self.certificate: bytes | None = None

    async def read(self) -> bytes:
        piece = await super().read()
        tags = _TAGGED.findall(self.written)
        if not tags:
            return piece
        return _NUMBERED.sub(lambda found: tags[0][0] + found[1], piece)

    @property
    def said(self) -> list[str]:
        """What the client sent, line by line and without tags."""
        lines = self.written.decode("utf-8").split("\r\n")[:-1]
        return [re.sub(r"^[0-9a-f]{6}[0-9]+ ", "", line) for line in lines]


@dataclass
class Dialogue:
    """What was said, as an operator would see it."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, who: str, line: str) -> None:
        self.lines.append(f"{who}: {line}")


async def greeted(
    *reads: bytes | NetworkError, greeting: bytes = GREETING, limits: Limits | None = None
) -> tuple[ImapScript, Conversation]:
    """A conversation after the greeting."""
    stream = ImapScript(greeting, *reads)
    conversation = Conversation(stream, SERVER, limits or Limits(), masker=Masker())
    await conversation.read_greeting()
    return stream, conversation


async def logged_in(
    *reads: bytes | NetworkError, limits: Limits | None = None, capabilities: bytes = b"UIDPLUS ESEARCH"
) -> tuple[ImapScript, Conversation]:
    """A conversation as after a login; the next command is the first."""
    greeting = b"* PREAUTH [CAPABILITY IMAP4rev1 %s] hello\r\n" % capabilities
    return await greeted(*reads, greeting=greeting, limits=limits)


class AnsweringStream(ScriptedStream):
    """Answers each command by `answer`, which is given its tag and its text; the greeting is PREAUTH.

    Pieces of `octets` come at a time, 0 for all at once.
    """

    def __init__(
        self, answer: Callable[[bytes, str], bytes], *, octets: int = 0, capabilities: bytes = b"UIDPLUS"
    ) -> None:
        super().__init__()
        self.certificate: bytes | None = None
        self._answer = answer
        self._octets = octets
        self._seen = 0
        self._out = b"* PREAUTH [CAPABILITY IMAP4rev1 %s] hello\r\n" % capabilities
        self.commands: list[str] = []

    async def read(self) -> bytes:
        if not self._out:
            for line in self.written[self._seen :].splitlines(keepends=True):
                self._seen += len(line)
                tag, _, command = line.partition(b" ")
                self.commands.append(command.decode().rstrip())
                self._out += self._answer(tag, self.commands[-1])
        size = self._octets or len(self._out)
        piece, self._out = self._out[:size], self._out[size:]
        return piece
