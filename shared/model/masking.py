"""Remove secrets from text that is shown: in dialogues, errors, log lines and status.

Servers repeat what they received, and not only literally: in base64, alone or joined with the user name,
percent-encoded, quoted, in another character set, cut, or split over lines. None of these gets through. Text
without a secret is returned as it is.
"""

from __future__ import annotations

import base64
import html
import json
import quopri
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from urllib.parse import quote, quote_plus

MASK = b"****"
SHORTEST_SENT = 8
"""Octets. A shorter answer in a login reveals nothing."""
SHORTEST_INSIDE = 4
"""Octets. A shorter secret appears in many decoded texts by chance."""

# A cut or split secret is recognised by this many characters of its base64. By chance they hardly appear.
_PIECE = re.compile(rb"[A-Za-z0-9+/]{8,}=*")
_ENCODED = re.compile(rb"[A-Za-z0-9+/_-]{8,}={0,2}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_CHARACTERS = ("utf-8", "latin-1", "utf-16-le")


class Masker:
    """Replaces each of `secrets` by `mask`. What equals the `username` is no secret.

    Secrets of fewer than `shortest` octets are masked in base64 only, as a server may use such words by
    chance. Text is searched first: most sessions never contain a secret, and then no pattern is compiled.
    """

    __slots__ = ("_clean", "_encoded", "_forms", "_least", "_mask", "_raw", "_shortest", "_username")

    def __init__(
        self, secrets: Iterable[bytes] = (), *, username: bytes = b"", shortest: int = 0, mask: bytes = MASK
    ) -> None:
        self._username = username
        self._shortest = shortest
        self._mask = mask
        self._forms: set[bytes] = set()
        self._raw: set[bytes] = set()
        self._encoded = b""
        self._least = 0
        self._clean: bytes | None = None
        for secret in secrets:
            self._add(secret)

    def hide(self, sent: bytes) -> None:
        """Mask what was sent in a login as well."""
        if len(sent) >= SHORTEST_SENT and sent != self._username:
            self._add(sent)

    def __call__(self, text: bytes) -> bytes:
        """Return the text without secrets."""
        # The replies to many DELE commands are all the same.
        if text != self._clean:
            masked = self._masked(text)
            if masked != text:
                return masked
            self._clean = text
        return text

    def lines(self, lines: Sequence[bytes]) -> list[bytes]:
        """Mask secrets in lines that belong together. If one is split over lines, all are masked."""
        masked = [self(line) for line in lines]
        return [self._mask] * len(lines) if self.is_in_several(masked) else masked

    def is_in_several(self, lines: Sequence[bytes]) -> bool:
        """Return whether the lines contain a secret together that no line contains alone."""
        if len(lines) < 2:
            return False
        words = [line.strip(b" \t") for line in lines]
        together = (b"".join(lines), b"".join(words), b" ".join(words))
        return any(self._masked(text) != text for text in together)

    def text(self, text: str) -> str:
        """Return a text for people without secrets."""
        return self(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")

    def _add(self, secret: bytes) -> None:
        if not secret:
            return
        self._clean = None
        encoded = base64.b64encode(secret)
        self._encoded += b" " + encoded
        self._forms |= {encoded.lower(), base64.urlsafe_b64encode(secret).lower()}
        if len(encoded.rstrip(b"=")) >= SHORTEST_SENT:
            self._forms.add(encoded.rstrip(b"=").lower())
        if len(secret) >= max(self._shortest, 1):
            self._forms |= {form.lower() for form in _written(secret) if form.strip(b"=")}
        if len(secret) >= max(self._shortest, SHORTEST_INSIDE):
            self._raw |= {form.lower() for form in _in_characters(secret)}
            self._least = -(-min(map(len, self._raw)) * 4 // 3)

    def _masked(self, text: bytes) -> bytes:
        if self._encoded:
            text = _ENCODED.sub(self._masked_word, text)
        lower = text.lower()
        if any(form in lower for form in self._forms):
            longest_first = sorted(self._forms, key=len, reverse=True)
            pattern = re.compile(b"|".join(map(re.escape, longest_first)), re.IGNORECASE)
            text = pattern.sub(lambda _: self._mask, text)
        if self._encoded:
            text = _PIECE.sub(self._masked_piece, text)
        return text

    def _masked_piece(self, piece: re.Match[bytes]) -> bytes:
        return self._mask if piece[0] in self._encoded else piece[0]

    def _masked_word(self, word: re.Match[bytes]) -> bytes:
        """Mask a word that is base64 of something with a secret in it, wherever the secret begins.

        Most words are too short for any secret; `_least` characters hold the shortest.
        """
        if not self._raw or len(word[0]) < self._least:
            return word[0]
        standard = word[0].rstrip(b"=").translate(_STANDARD)
        for start in range(4):
            whole = standard[start:]
            decoded = base64.b64decode(whole[: len(whole) // 4 * 4] + _padded(whole)).lower()
            if any(secret in decoded for secret in self._raw):
                return self._mask
        return word[0]


def _padded(word: bytes) -> bytes:
    """Return the last, incomplete group of four, padded."""
    rest = word[len(word) // 4 * 4 :]
    return rest + b"=" * (-len(rest) % 4) if len(rest) > 1 else b""


def _in_characters(secret: bytes) -> set[bytes]:
    """Return the secret in each character set in which a server may know it."""
    forms = {secret}
    with suppress(UnicodeDecodeError):
        text = secret.decode()
        for characters in _CHARACTERS:
            with suppress(UnicodeEncodeError):
                forms.add(text.encode(characters))
    return forms


def _written(secret: bytes) -> set[bytes]:
    """Return the forms in which the secret may be written."""
    forms = set()
    for each in _in_characters(secret):
        quoted_printable = quopri.encodestring(each, quotetabs=True).replace(b"=\n", b"")
        backslashed = each.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        written = (quote(each, safe=""), quote(each), quote_plus(each))
        forms |= {each, quoted_printable, backslashed, *(form.encode() for form in written)}
        text = each.decode("latin-1")  # keeps every octet
        forms |= {html.escape(text, quote=whole).encode("latin-1") for whole in (False, True)}
        if len(each) >= SHORTEST_INSIDE:
            forms |= {each.hex().encode(), "".join(f"={octet:02X}" for octet in each).encode()}
            forms.add("".join(f"%{octet:02X}" for octet in each).encode())
    with suppress(UnicodeDecodeError):
        text = secret.decode()
        forms |= {json.dumps(text)[1:-1].encode(), text.encode("unicode_escape")}
    return forms
