"""Takes secrets out of what a server says: some echo the command that they did not like."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.fetcher.pop3.commands import MASK

_SHORTEST_HIDDEN = 8


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login needs: a password, or a token in its place; neither is ever shown."""

    username: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def secret(self) -> str:
        """The token if there is one, else the password."""
        return self.token or self.password


def redactor(credentials: Credentials) -> Redactor:
    """A redactor for the secret, as it is and as USER/PASS, PLAIN and LOGIN put it on the wire."""
    user = credentials.username.encode("utf-8", "replace")
    secret = credentials.secret.encode("utf-8", "replace")
    forms = {secret, base64.b64encode(secret), base64.b64encode(b"\0" + user + b"\0" + secret)}
    return Redactor(form for form in forms if form.strip(b"="))


class Redactor:
    """Replaces each of `secrets`, in any case, by the mask.

    The pattern is made when there is something to look through, which in most sessions there never is.
    """

    __slots__ = ("_clean", "_outdated", "_pattern", "_secrets")

    def __init__(self, secrets: Iterable[bytes] = ()) -> None:
        self._secrets = set(secrets)
        self._pattern: re.Pattern[bytes] | None = None
        self._outdated = True
        self._clean = b""

    def hide(self, response: bytes) -> None:
        """Mask what is sent in a login, too, as it is and in base64; what is short gives nothing away."""
        if len(response) >= _SHORTEST_HIDDEN:
            self._secrets |= {response, base64.b64encode(response)}
            self._outdated = True

    def __call__(self, line: bytes) -> bytes:
        """The line without secrets."""
        if self._outdated:
            self._pattern = _any_of(self._secrets)
            self._outdated = False
        elif line == self._clean:
            # As in the answers to many DELE.
            return line
        shown = line if self._pattern is None else self._pattern.sub(MASK.encode("ascii"), line)
        self._clean = line if shown == line else b""
        return shown


def _any_of(secrets: Iterable[bytes]) -> re.Pattern[bytes] | None:
    longest_first = sorted(secrets, key=len, reverse=True)
    alternatives = b"|".join(re.escape(secret) for secret in longest_first)
    return re.compile(alternatives, re.IGNORECASE) if alternatives else None
