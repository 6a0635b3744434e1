"""What the server of a source says about itself while an operator logs in, whatever its protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from shared.operations.login_test import CAPABILITIES, CREDENTIALS, MAILBOX, TLS, ShowLine

SERVER = "S"
_STARTS_TLS = frozenset({"STLS", "STARTTLS"})
_ASKS = frozenset({"", "CAPA", "CAPABILITY"})
_LOGS_IN = frozenset({"AUTH", "APOP", "USER", "PASS", "AUTHENTICATE", "LOGIN", "****"})
TLS_BEGINS = "(TLS"
"""How a driver's remark begins that it shows once TLS was started by a command."""


@dataclass(slots=True)
class SourceDialogue(ABC):
    """Collects what the server announces. It is called with every line, secrets masked, and passes it on to
    `show`.

    `greeting` is the server's first line. `capabilities` are all that it announced so far, `methods` the
    login methods among them; names in upper case, in the server's order. `alerts` are what it wants people to
    be shown. `command` is the last line of ours, in upper case. `on_step` is told each step that the session
    reaches, once the server has greeted.
    """

    show: ShowLine | None = None
    greeting: str = ""
    capabilities: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    tls: bool = False
    command: str = ""
    on_step: Callable[[str], None] | None = None

    def __call__(self, side: str, line: str) -> None:
        """Take one line; `side` is "C" or "S"."""
        if self.show is not None:
            self.show(side, line)
        if side != SERVER:
            self.command = line.upper()
        elif line.startswith(TLS_BEGINS):
            self.tls = True
        elif not line.startswith("("):
            self.greeting = self.greeting or line
            self._take_answer(line)
        if self.on_step is not None and self.greeting:
            self.on_step(self.step)

    @property
    def step(self) -> str:
        """The step of a login test that the session has reached, once the server has greeted."""
        verb = self.command.partition(" ")[0]
        if verb in _STARTS_TLS:
            return TLS
        if verb in _ASKS:
            return CAPABILITIES
        return CREDENTIALS if verb in _LOGS_IN else MAILBOX

    @abstractmethod
    def _take_answer(self, line: str) -> None:
        """Take one line that the server said, the greeting first."""


def add_new(known: list[str], words: Iterable[str]) -> None:
    """Add the words that are not known yet."""
    known += [word for word in dict.fromkeys(words) if word not in known]
