"""The port's `Store`, kept by another process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from shared.ports.store import Store
from shared.process.storekeeper.keeper import Storekeeper

OPERATIONS = frozenset(name for name in dir(Store) if not name.startswith("_"))


def kept_store(keeper: Storekeeper) -> Store:
    """The store that `keeper` has opened: each call is made there."""
    return cast(Store, _KeptStore(keeper))


class _KeptStore:
    """All operations of the port alike; `close` ends the keeper."""

    def __init__(self, keeper: Storekeeper) -> None:
        self._keeper = keeper

    async def close(self) -> None:
        await self._keeper.close()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        if name not in OPERATIONS:
            raise AttributeError(f"the store has no operation {name}")
        call = self._keeper.call

        async def operation(*given: Any, **named: Any) -> Any:
            return await call(name, given, named)

        self.__dict__[name] = operation
        return operation
