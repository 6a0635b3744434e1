"""What a login needs, and the masker that keeps it out of what a server says."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.model.masking import Masker as Redactor

__all__ = ["Credentials", "Redactor", "redactor"]


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
    """A masker for the secret, as it is and as USER/PASS, PLAIN and LOGIN put it on the wire."""
    user = credentials.username.encode("utf-8", "replace")
    secret = credentials.secret.encode("utf-8", "replace")
    return Redactor((secret, b"\0" + user + b"\0" + secret) if secret else (), username=user)
