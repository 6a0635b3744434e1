"""What a POP3 server says about itself while an operator logs in."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from shared.operations.source_dialogue import SourceDialogue, add_new

END = "."


@dataclass(slots=True)
class Pop3Dialogue(SourceDialogue):
    """`capabilities` are from all answers to CAPA, `methods` from CAPA and from a bare AUTH."""

    @override
    def _take_answer(self, line: str) -> None:
        if line == END or line.startswith(("+OK", "-ERR")):
            return
        words = line.upper().split()
        if self.command == "CAPA" and words:
            add_new(self.capabilities, words[:1])
            add_new(self.methods, words[1:] if words[0] == "SASL" else words if words == ["USER"] else [])
        elif self.command == "AUTH":
            add_new(self.methods, words)
