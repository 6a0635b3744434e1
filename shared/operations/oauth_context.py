"""What the operations on OAuth work with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr
from typing_extensions import override

from shared.adapters.sql import open_store
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.model.oauth import GrantRef
from shared.ports.clock import Clock
from shared.ports.tokens import GrantTokens
from shared.runtime.oauth.opening import OAuth, open_oauth
from shared.runtime.secret_box import open_secret_box


@dataclass(frozen=True, slots=True)
class OAuthContext:
    """What an operation on OAuth may use."""

    configuration: Configuration
    oauth: OAuth
    clock: Clock


class OpenedGrants(GrantTokens):
    """Tokens whose store is opened when the first one is asked for: most logins need none."""

    def __init__(self, configuration: Configuration, stack: AsyncExitStack) -> None:
        self._configuration = configuration
        self._stack = stack
        self._tokens: GrantTokens | None = None

    @override
    async def access_token(self, grant: GrantRef) -> SecretStr:
        return await (await self._opened()).access_token(grant)

    @override
    async def renewed(self, grant: GrantRef, refused: SecretStr) -> SecretStr | None:
        return await (await self._opened()).renewed(grant, refused)

    async def _opened(self) -> GrantTokens:
        if self._tokens is None:
            context = await self._stack.enter_async_context(open_oauth_context(self._configuration))
            self._tokens = context.oauth.tokens
        return self._tokens


@asynccontextmanager
async def operator_grants(configuration: Configuration) -> AsyncIterator[GrantTokens]:
    """Give the tokens that accounts and targets of the file and of the registry log in by."""
    async with AsyncExitStack() as stack:
        yield OpenedGrants(configuration, stack)


@asynccontextmanager
async def open_oauth_context(configuration: Configuration) -> AsyncIterator[OAuthContext]:
    """Open the store and the key for secrets. Raises `StoreUnavailable` and `ConfigurationError`."""
    store = open_store(configuration.store.url.get_secret_value(), deadline=configuration.store.deadline)
    clock = SystemClock()
    try:
        await store.check()
        box = await open_secret_box(configuration, store.secrets)
        async with open_oauth(configuration, store, box, clock) as oauth:
            yield OAuthContext(configuration, oauth, clock)
    finally:
        await store.close()
