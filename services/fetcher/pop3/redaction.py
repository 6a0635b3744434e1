"""Takes secrets out of what a server says: some echo the command that they did not like."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.fetcher.pop3.commands import MASK


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login needs; the password is never shown."""

    username: str
    password: str = field(repr=False)


def redactor(credentials: Credentials) -> Redactor:
    """A redactor for the password, as it is and as USER/PASS, PLAIN and LOGIN put it on the wire."""
    user = credentials.username.encode("utf-8", "replace")
    secret = credentials.password.encode("utf-8", "replace")
    forms = {secret, base64.b64encode(secret), base64.b64encode(b"\0" + user + b"\0" + secret)}
    return Redactor(form for form in forms if form.strip(b"="))


class Redactor:
    """Replaces each of `secrets`, in any case, by the mask."""

    __slots__ = ("_pattern",)

    def __init__(self, secrets: Iterable[bytes]) -> None:
        longest_first = sorted(secrets, key=len, reverse=True)
        alternatives = b"|".join(re.escape(secret) for secret in longest_first)
        self._pattern = re.compile(alternatives, re.IGNORECASE) if alternatives else None

    def __call__(self, line: bytes) -> bytes:
        """The line without secrets."""
        return line if self._pattern is None else self._pattern.sub(MASK.encode("ascii"), line)
