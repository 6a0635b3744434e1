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

    It looks for them first: in most sessions none is ever said, and then no pattern is made.
    """

    __slots__ = ("_clean", "_secrets")

    def __init__(self, secrets: Iterable[bytes] = ()) -> None:
        self._secrets = {secret.lower() for secret in secrets}
        self._clean = b""

    def hide(self, response: bytes) -> None:
        """Mask what is sent in a login, too, as it is and in base64; what is short gives nothing away."""
        if len(response) >= _SHORTEST_HIDDEN:
            self._secrets |= {response.lower(), base64.b64encode(response).lower()}
            self._clean = b""

    def __call__(self, line: bytes) -> bytes:
        """The line without secrets."""
        # The answers to many DELE are all the same.
        if line != self._clean and self._is_secret_in(line):
            return self._masked(line)
        self._clean = line
        return line

    def _is_secret_in(self, line: bytes) -> bool:
        lower = line.lower()
        return any(secret in lower for secret in self._secrets)

    def _masked(self, line: bytes) -> bytes:
        longest_first = sorted(self._secrets, key=len, reverse=True)
        pattern = re.compile(b"|".join(map(re.escape, longest_first)), re.IGNORECASE)
        return pattern.sub(MASK.encode("ascii"), line)
