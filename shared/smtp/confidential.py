"""What a server was told in confidence, taken out of its replies, in one line or in several."""

from __future__ import annotations

from collections.abc import Iterable

from shared.model.masking import Masker
from shared.smtp.reply import ENHANCED, Reply

MASK = b"***"
SHORTEST = 6
"""Octets. Where no login is under way, a shorter password is a word that may be in any reply."""


class Confidential:
    """The `secrets` of one login. Those of fewer than `shortest` octets are known in base64 only, as they are
    words that a server may use without knowing.
    """

    def __init__(self, secrets: Iterable[bytes], *, shortest: int = 0) -> None:
        self.masked = Masker(secrets, shortest=shortest, mask=MASK)

    def without(self, reply: Reply) -> Reply:
        """The reply without any of it; the enhanced status code at its beginning stays."""
        if len(reply.lines) == 1 and self.masked(reply.lines[0]) == reply.lines[0]:
            return reply
        codes, lines = zip(*map(divided, reply.lines), strict=True)
        masked = [self.masked(line) for line in lines]
        if self.masked.is_in_several(masked):
            return Reply(reply.code, (codes[0] + MASK,))
        shown = tuple(code + line for code, line in zip(codes, masked, strict=True))
        return reply if shown == reply.lines else Reply(reply.code, shown)


def divided(line: bytes) -> tuple[bytes, bytes]:
    """The enhanced status code with the blanks behind it, and the text; each line may have one (RFC 2034)."""
    status = ENHANCED.match(line)
    if status is None:
        return b"", line
    text = line[status.end() :].lstrip(b" ")
    return line[: len(line) - len(text)], text
