"""What a POP3 server says about itself while an operator logs in."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.operations.login_test import ShowLine

END = "."
SERVER = "S"


@dataclass(slots=True)
class Pop3Dialogue:
    """Collects what the server announces. It is called with every line, secrets masked, and passes it on to
    `show`.

    `greeting` is the server's first line. `capabilities` are from all answers to CAPA, `methods` from CAPA
    and from a bare AUTH; names in upper case, in the server's order.
    """

    show: ShowLine | None = None
    greeting: str = ""
    capabilities: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    tls: bool = False
    _command: str = ""

    def __call__(self, side: str, line: str) -> None:
        """Take one line; `side` is "C" or "S"."""
        if self.show is not None:
            self.show(side, line)
        if side != SERVER:
            self._command = line.upper()
        elif line.startswith("(TLS"):
            self.tls = True
        elif not self.greeting:
            self.greeting = line
        elif line != END and not line.startswith(("+OK", "-ERR", "(")):
            self._take_listed(line)

    def _take_listed(self, line: str) -> None:
        words = line.upper().split()
        if self._command == "CAPA" and words:
            _add_new(self.capabilities, words[:1])
            _add_new(self.methods, words[1:] if words[0] == "SASL" else words if words == ["USER"] else [])
        elif self._command == "AUTH":
            _add_new(self.methods, words)


def _add_new(known: list[str], words: list[str]) -> None:
    known += [word for word in words if word not in known]
