"""OAuth 2 access tokens from the configuration or from a file that another program keeps fresh."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from typing_extensions import override

from shared.model.account import Login
from shared.net.token_file import TokenFile
from shared.ports.tokens import TokenSource


def token_source(login: Login) -> TokenSource | None:
    """Return where the tokens of a login come from; None for a login by password."""
    if login.token_file is not None:
        return TokenFile(Path(login.token_file))
    return FixedToken(login.token) if login.token is not None else None


class FixedToken(TokenSource):
    """Always the same token. The server refuses it when it has expired."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    @override
    async def access_token(self) -> SecretStr:
        return self._token
