"""Tokens that something else obtained and keeps fresh: given in the configuration, or in a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import SecretStr
from typing_extensions import override

from shared.model.account import Login
from shared.ports.tokens import TokenSource, TokenUnavailable

LARGEST_TOKEN = 64 * 1024


def token_source(login: Login) -> TokenSource | None:
    """Where the login's tokens come from; None for a login by password."""
    if login.token_file is not None:
        return TokenFile(Path(login.token_file))
    return GivenToken(login.token) if login.token is not None else None


class GivenToken(TokenSource):
    """One token for ever; the server will tell when it has expired."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    @override
    async def access_token(self) -> SecretStr:
        return self._token


class TokenFile(TokenSource):
    """A file that holds the token alone and is replaced by whoever renews it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @override
    async def access_token(self) -> SecretStr:
        return await asyncio.to_thread(self._read)

    def _read(self) -> SecretStr:
        try:
            with self._path.open("rb") as file:
                token = file.read(LARGEST_TOKEN + 1).decode("ascii").strip()
        except OSError as error:
            raise TokenUnavailable(
                f"The token file {self._path} cannot be read: {error.strerror}."
            ) from error
        except UnicodeDecodeError:
            raise TokenUnavailable(
                f"The token file {self._path} holds no token, which is ASCII text."
            ) from None
        if not token or len(token) > LARGEST_TOKEN:
            raise TokenUnavailable(f"The token file {self._path} is empty or too large for a token.")
        return SecretStr(token)
