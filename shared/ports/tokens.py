"""Where OAuth 2 access tokens come from, for logins that use one in place of a password."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from shared.model.errors import Fault, MailferryError


class TokenUnavailable(MailferryError):
    """There is no token to log in with now."""

    fault = Fault.OPERATOR


class TokenSource(Protocol):
    """The tokens of one account."""

    async def access_token(self) -> SecretStr:
        """Return a token that is valid as far as is known here; called anew for each login.

        Raises `TokenUnavailable`, temporary where a later call may succeed.
        """
        ...
