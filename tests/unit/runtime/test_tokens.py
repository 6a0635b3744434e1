from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.model.account import Login
from shared.net.token_file import LARGEST_TOKEN
from shared.ports.tokens import TokenUnavailable
from shared.runtime.tokens import token_source

NO_PASSWORD = SecretStr("")


def by_file(path: Path) -> Login:
    return Login("bob", NO_PASSWORD, token_file=str(path))


async def token_of(login: Login) -> str:
    source = token_source(login)
    assert source is not None
    return (await source.access_token()).get_secret_value()


def test_a_login_by_password_has_no_tokens() -> None:
    assert token_source(Login("bob", SecretStr("x"))) is None


async def test_a_given_token_is_the_token() -> None:
    assert await token_of(Login("bob", NO_PASSWORD, token=SecretStr("ya29"))) == "ya29"


async def test_a_token_file_is_read_anew_for_each_login(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for token in ("first", "second"):
        path.write_text(f"{token}\n")
        assert await token_of(by_file(path)) == token


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfya29\r\n", "ya29\r\n".encode("utf-16")])
async def test_a_token_file_from_windows_holds_the_token(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    assert await token_of(by_file(path)) == "ya29"


@pytest.mark.parametrize("content", [b"", b"\n", "cänary".encode(), b"\xffcanary", b"canary" * LARGEST_TOKEN])
async def test_a_file_without_a_token_is_reported_without_its_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(TokenUnavailable, match=str(path)) as caught:
        await token_of(by_file(path))
    assert caught.value.temporary
    assert "canary" not in str(caught.value)


async def test_a_token_file_that_is_missing_for_a_moment_is_a_temporary_failure(tmp_path: Path) -> None:
    with pytest.raises(TokenUnavailable, match="No such file") as caught:
        await token_of(by_file(tmp_path / "token"))
    assert caught.value.temporary
