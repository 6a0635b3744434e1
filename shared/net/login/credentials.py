"""What a login needs, and the masker that keeps it out of what a server says."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.model.masking import Masker


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or with a token in its place. Neither secret is ever shown."""

    username: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def secret(self) -> str:
        """The token if there is one, else the password."""
        return self.token or self.password


def masker(credentials: Credentials) -> Masker:
    """Return a masker for the secret, as it is and as the login commands put it on the wire."""
    user = credentials.username.encode("utf-8", "replace")
    secret = credentials.secret.encode("utf-8", "replace")
    return Masker((secret, b"\0" + user + b"\0" + secret) if secret else (), username=user)
