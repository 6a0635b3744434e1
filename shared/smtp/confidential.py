"""What a server was told in confidence, taken out of what it says: in one piece or in several, as it is or in
base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence

from shared.smtp.reply import ENHANCED, Reply

MASK = b"***"
# A cut or divided line of ours is known by so many signs of its base64; a word that long is hardly in there.
_PIECE = re.compile(rb"[A-Za-z0-9+/]{8,}=*")


class Confidential:
    """The `secrets` of one login. Those of fewer than `shortest` octets are known in base64 only, as they are
    words that a server may use without knowing.
    """

    def __init__(self, secrets: Iterable[bytes], *, shortest: int = 0) -> None:
        told = [secret for secret in secrets if secret]
        encoded = [base64.b64encode(secret) for secret in told]
        self._all_encoded = b" ".join(encoded)
        self._forms = [*encoded, *(secret for secret in told if len(secret) >= shortest)]

    def masked(self, text: bytes) -> bytes:
        """The text without any of it."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return _PIECE.sub(self._masked_piece, text)

    def without(self, reply: Reply) -> Reply:
        """The reply without any of it; the enhanced status code at its beginning stays."""
        if len(reply.lines) == 1 and self.masked(reply.lines[0]) == reply.lines[0]:
            return reply
        codes, lines = zip(*map(_divided, reply.lines), strict=True)
        masked = [self.masked(line) for line in lines]
        if len(lines) > 1 and self._is_in_several(masked):
            return Reply(reply.code, (codes[0] + MASK,))
        shown = tuple(code + line for code, line in zip(codes, masked, strict=True))
        return reply if shown == reply.lines else Reply(reply.code, shown)

    def _is_in_several(self, lines: Sequence[bytes]) -> bool:
        """Whether it is in what the lines are together."""
        words = [line.strip(b" ") for line in lines]
        together = (b"".join(lines), b"".join(words), b" ".join(words))
        return any(self.masked(text) != text for text in together)

    def _masked_piece(self, piece: re.Match[bytes]) -> bytes:
        return MASK if piece[0] in self._all_encoded else piece[0]


def _divided(line: bytes) -> tuple[bytes, bytes]:
    """The enhanced status code with the blanks behind it, and the text; each line may have one (RFC 2034)."""
    status = ENHANCED.match(line)
    if status is None:
        return b"", line
    text = line[status.end() :].lstrip(b" ")
    return line[: len(line) - len(text)], text
