"""An access token in a file that another program renews."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import SecretStr
from typing_extensions import override

from shared.model.text_file import text_of
from shared.ports.tokens import TokenSource, TokenUnavailable

LARGEST_TOKEN = 64 * 1024


class TokenFile(TokenSource):
    """A file that holds the token alone, and is replaced when the token is renewed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @override
    async def access_token(self) -> SecretStr:
        return await asyncio.to_thread(self._read)

    def _read(self) -> SecretStr:
        try:
            with self._path.open("rb") as file:
                token = text_of(file.read(LARGEST_TOKEN + 1)).strip()
        except OSError as error:
            raise TokenUnavailable(
                f"The token file {self._path} cannot be read: {error.strerror}."
            ) from error
        except UnicodeDecodeError:
            raise TokenUnavailable(
                f"The token file {self._path} holds no token, which is ASCII text."
            ) from None
        if not token.isascii():
            raise TokenUnavailable(f"The token file {self._path} holds no token, which is ASCII text.")
        if not token or len(token) > LARGEST_TOKEN:
            raise TokenUnavailable(f"The token file {self._path} is empty or too large for a token.")
        return SecretStr(token)
