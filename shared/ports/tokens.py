"""Where access tokens come from (OAuth 2), for logins that take one in place of a password."""

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
        """A token that is valid now, as far as is known here; asked for anew for each login.

        Raises `TokenUnavailable`, temporary where a later question may be answered otherwise.
        """
        ...
