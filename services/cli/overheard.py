"""What a POP3 server says about itself, overheard from the dialogue of a login; no secret gets here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Show = Callable[[str, str], None]
END = "."
SERVER = "S"


@dataclass(slots=True)
class Overheard:
    """Is called with every line, as a dialogue is, and passes it on to `show`.

    `greeting` is the server's first line. `capabilities` are from the answer to CAPA that told most,
    `methods` from whatever named methods; names in upper case, in the server's order.
    """

    show: Show | None = None
    greeting: str = ""
    capabilities: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    tls: bool = False
    _question: str = ""

    def __call__(self, side: str, line: str) -> None:
        """One line: "C" or "S", and what was said."""
        if self.show is not None:
            self.show(side, line)
        if side != SERVER:
            self._question = line.upper()
        elif line.startswith("(TLS"):
            self.tls = True
        elif not self.greeting:
            self.greeting = line
        elif line != END and not line.startswith(("+OK", "-ERR", "(")):
            self._listed(line)

    def _listed(self, line: str) -> None:
        words = line.upper().split()
        if self._question == "CAPA" and words:
            _add(self.capabilities, words[:1])
            _add(self.methods, words[1:] if words[0] == "SASL" else words if words == ["USER"] else [])
        elif self._question == "AUTH":
            _add(self.methods, words)


def _add(known: list[str], words: list[str]) -> None:
    known += [word for word in words if word not in known]
