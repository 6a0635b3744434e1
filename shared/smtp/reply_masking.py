"""Masks the secrets of a login in the replies of the server, in one line or divided over several."""

from __future__ import annotations

from collections.abc import Iterable

from shared.model.masking import Masker
from shared.smtp.reply import ENHANCED, Reply

MASK = b"***"
SHORTEST_SECRET = 6
"""Octets. Outside of a login, a shorter password is a word that may stand in any reply."""


class ReplyMasker:
    """Masks the `secrets` of one login in replies.

    Secrets of fewer than `shortest` octets are masked in base64 only: a server may use them as plain words
    without knowing the secret.
    """

    def __init__(self, secrets: Iterable[bytes], *, shortest: int = 0) -> None:
        self.mask_text = Masker(secrets, shortest=shortest, mask=MASK)

    def mask_reply(self, reply: Reply) -> Reply:
        """Return the reply without any secret; the enhanced status code at its beginning stays."""
        if len(reply.lines) == 1 and self.mask_text(reply.lines[0]) == reply.lines[0]:
            return reply
        codes, lines = zip(*map(split_enhanced_status, reply.lines), strict=True)
        masked = [self.mask_text(line) for line in lines]
        if self.mask_text.is_in_several(masked):
            return Reply(reply.code, (codes[0] + MASK,))
        shown = tuple(code + line for code, line in zip(codes, masked, strict=True))
        return reply if shown == reply.lines else Reply(reply.code, shown)


def split_enhanced_status(line: bytes) -> tuple[bytes, bytes]:
    """Return the enhanced status code with the blanks behind it, and the text (RFC 2034: each line may have
    a code).
    """
    status = ENHANCED.match(line)
    if status is None:
        return b"", line
    text = line[status.end() :].lstrip(b" ")
    return line[: len(line) - len(text)], text
