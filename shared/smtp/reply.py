"""What an SMTP server answers (RFC 5321, section 4.2).

Its text is kept raw; `Reply.text` makes it safe to show.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.model.errors import quoted

ENHANCED = re.compile(rb"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")


class EnhancedStatus(NamedTuple):
    """An enhanced status code, as in `5.1.1` (RFC 3463)."""

    status_class: int
    subject: int
    detail: int

    @property
    def text(self) -> str:
        """As it is written, with dots."""
        return f"{self.status_class}.{self.subject}.{self.detail}"


class Reply(NamedTuple):
    """One reply: its code and the text of each line (at least one), without code and line end.

    `local` marks a reply that no server gave: this client refused first, and says so in the same form.
    """

    code: int
    lines: tuple[bytes, ...]
    local: bool = False

    @property
    def severity(self) -> int:
        """The first digit: 2 done, 3 go on, 4 not now, 5 no (RFC 5321, section 4.2.1)."""
        return self.code // 100

    @property
    def positive(self) -> bool:
        """Whether the command was carried out."""
        return 200 <= self.code < 300

    @property
    def enhanced(self) -> EnhancedStatus | None:
        """The code that opens the text (RFC 2034); None where it is missing or contradicts `code`."""
        match = ENHANCED.match(self.lines[0])
        if match is None or int(match[1]) != self.severity:
            return None
        return EnhancedStatus(*map(int, match.groups()))

    @property
    def text(self) -> str:
        """Code and text on one line, escaped and cut, fit for logs and error messages."""
        return f"{self.code} {quoted(b' '.join(self.lines))}".rstrip()
