"""What servers said they can do after a login, so that not every session asks once more.

It is only used where the server says the same before the login as it did then, and after the login: no choice
of a login method, and none about TLS, depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from shared.model.mailbox import Capabilities

REMEMBERED = 86_400.0
"""Seconds. A server may be another version by tomorrow."""
MOST_REMEMBERED = 10_000
"""Servers; then all are forgotten, which costs a question each."""
OF_THE_USER = "USER"
"""The argument of LOGIN-DELAY and EXPIRE by which a server tells each user something else (RFC 2449)."""

_Key: TypeAlias = tuple[str, frozenset[tuple[str, tuple[str, ...]]]]


class KnownCapabilities:
    """The capabilities after the login, by server and those before it; `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[_Key, tuple[Capabilities, float]] = {}

    def find(self, server: str, before: Capabilities) -> Capabilities | None:
        """Return what the server said within the last day; None where it has to be asked."""
        after, until = self._known.get(_key(server, before), (None, 0.0))
        return after if self._clock() < until else None

    def note(self, server: str, before: Capabilities, after: Capabilities) -> None:
        """The server said this after a login."""
        if any(OF_THE_USER in before.arguments.get(name, ()) for name in ("LOGIN-DELAY", "EXPIRE")):
            return
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[_key(server, before)] = (after, self._clock() + REMEMBERED)


def _key(server: str, before: Capabilities) -> _Key:
    return server, frozenset(before.arguments.items())


KNOWN = KnownCapabilities()
"""Those of all servers of this process."""
