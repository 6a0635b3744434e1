"""What an IMAP server says about itself while an operator logs in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from typing_extensions import override

from shared.model.errors import quoted
from shared.operations.source_dialogue import SourceDialogue, add_new

LONGEST_ALERT = 300
"""Characters. A sentence with a link has some 200."""
MOST_ALERTS = 5

_CAPABILITIES = re.compile(
    r"\* +CAPABILITY +(?P<listed>[^\r\n]*)|[^\[]*\[CAPABILITY +(?P<code>[^\]]*)\]", re.I
)
_ALERT = re.compile(r"(?:\S+ +)?(?:OK|NO|BAD|BYE|PREAUTH) +\[ALERT\] *(?P<text>.*)", re.I | re.S)
_METHOD = "AUTH="
_LOGIN, _NO_LOGIN = "USER", "LOGINDISABLED"


@dataclass(slots=True)
class ImapDialogue(SourceDialogue):
    """`capabilities` are from all lines that announce some: CAPABILITY itself, and greeting and answers with
    the code of that name. The command LOGIN is the method USER, as in the configuration.
    """

    @override
    def _take_answer(self, line: str) -> None:
        if found := _CAPABILITIES.match(line):
            self._take_capabilities((found["listed"] or found["code"] or "").upper().split())
        if (alert := _ALERT.fullmatch(line)) and len(self.alerts) < MOST_ALERTS:
            add_new(self.alerts, [quoted(alert["text"], LONGEST_ALERT)])

    def _take_capabilities(self, names: list[str]) -> None:
        add_new(self.capabilities, names)
        methods = [name.removeprefix(_METHOD) for name in names if name.startswith(_METHOD)]
        add_new(self.methods, methods if _NO_LOGIN in names else [*methods, _LOGIN])
