"""Readers of the console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.fakes.api import Api
from tests.fakes.browser import Reader, open_reader

SignIn = Callable[..., Awaitable[Reader]]


@pytest.fixture
async def sign_in(api: Api) -> AsyncIterator[SignIn]:
    """Give readers who are signed in: `await sign_in("otto")`, see `PEOPLE`."""
    async with AsyncExitStack() as stack:

        async def signed_in(name: str | None, **headers: str) -> Reader:
            return await stack.enter_async_context(open_reader(api, name, **headers))

        yield signed_in
