"""How long the client waits for the server in each phase (RFC 5321, section 4.5.3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from shared.smtp.commands import Verb

_OWN_TIME = {Verb.CONTENT: "final", Verb.DATA: "data", Verb.GREETING: "greeting", Verb.QUIT: "quit"}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `block`: for each part of the content that the server receives. `final`: after the last dot.

    A server that answers late may have the mail all the same, so a short `final` makes duplicates (RFC 1047).
    """

    connect: float = 60
    greeting: float = 300
    command: float = 300
    data: float = 120
    block: float = 180
    final: float = 600
    quit: float = 2

    def answer_to(self, verb: Verb) -> float:
        """Return the seconds that the whole answer to `verb` may take, however many bytes trickle in."""
        name = _OWN_TIME.get(verb)
        seconds: float = self.command if name is None else getattr(self, name)
        return seconds
