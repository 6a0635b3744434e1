"""TLS sessions that are resumed, which spares most of a handshake (RFC 8446, section 2.2).

Measured by `bench.handshake`: it takes the server 0.33 ms of CPU instead of 0.8. The client saves a third
where the server shows two certificates, and nothing where it shows one, as Python copies the session with its
certificate as it is taken and as it is used.

A server gives the tickets after the handshake, with TLS 1.3, so a session is taken when its connection ends
in good order. It is used once, for the same host and port, and by the same context: one that was not verified
is unknown to a context that verifies. A resumed session shows the certificate of the handshake that it comes
from; pin and channel binding see that one. After `FULL_HANDSHAKE_EVERY` the certificate is shown and checked
anew, however often the session was resumed.

asyncio and uvloop have no parameter for a session, but both call `wrap_bio` of the context, in the context
variables of the task that connects. With `start_tls`, uvloop takes those of the task at the time when it
connected, so a `Handshake` is announced before that, and lasts as long as its connection.
"""

from __future__ import annotations

import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import NamedTuple, cast
from weakref import WeakKeyDictionary

from typing_extensions import override

FULL_HANDSHAKE_EVERY = 3600.0
"""Seconds for which a certificate that expired or was revoked may still be accepted. An account that is
visited once a minute saves 59 of 60 full handshakes."""
MOST_OF_SERVER = 16
"""Sessions kept for one server: as many as connections that end at about the same time."""
MOST_SESSIONS = 2048
"""Sessions kept by one context: 25 MiB, as each takes 12 KiB with its certificate (measured, RSA)."""


class Server(NamedTuple):
    """Where a session may be resumed."""

    host: str
    port: int


class _Kept(NamedTuple):
    """`since` is when the server last showed its certificate, in monotonic seconds."""

    session: ssl.SSLSession
    since: float


class _Begun(NamedTuple):
    """A connection that began `at`, in monotonic seconds, and the session that was offered to the server."""

    server: Server
    at: float
    offered: _Kept | None


class Sessions:
    """The sessions of one context; `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Server, list[_Kept]] = OrderedDict()
        self._count = 0
        self._resting: dict[Server, float] = {}
        self._begun: WeakKeyDictionary[ssl.SSLObject, _Begun] = WeakKeyDictionary()

    def __len__(self) -> int:
        return self._count

    def take(self, server: Server) -> _Kept | None:
        """Take the newest session with the server out and return it; None if there is none."""
        kept = self._kept.get(server, [])
        while kept:
            newest = self._drop_last(server)
            if self._clock() - newest.since < FULL_HANDSHAKE_EVERY:
                return newest
        return None

    def begin(self, secured: ssl.SSLObject, server: Server, offered: _Kept | None) -> None:
        """Note that a connection begins, and the session that is offered to the server."""
        self._begun[secured] = _Begun(server, self._clock(), offered)

    def keep(self, secured: ssl.SSLObject) -> None:
        """Keep the session of a connection that ends in good order, if the server lets it be resumed."""
        begun, session = self._begun.pop(secured, None), secured.session
        if begun is None or session is None or not (session.has_ticket or session.id):
            return
        server, since, offered = begun
        if self._resting.get(server, 0.0) > self._clock():
            return
        if offered is not None and secured.session_reused:
            since = offered.since
        kept = self._kept.setdefault(server, [])
        self._kept.move_to_end(server)
        kept.append(_Kept(session, since))
        self._count += 1
        if len(kept) > MOST_OF_SERVER:
            del kept[0]
            self._count -= 1
        while self._count > MOST_SESSIONS:
            self._drop_last(next(iter(self._kept)))

    def rest(self, server: Server) -> None:
        """Resume nothing with this server for a while: it failed when it was to resume a session."""
        self._count -= len(self._kept.pop(server, ()))
        if len(self._resting) >= MOST_SESSIONS:
            self._resting.clear()
        self._resting[server] = self._clock() + FULL_HANDSHAKE_EVERY

    def _drop_last(self, server: Server) -> _Kept:
        kept = self._kept[server]
        last = kept.pop()
        self._count -= 1
        if not kept:
            del self._kept[server]
        return last


class Handshake:
    """The TLS handshake of one connection to this server, wherever it begins."""

    def __init__(self, host: str, port: int) -> None:
        self.server = Server(host, port)
        self.offered_by: Sessions | None = None

    @contextmanager
    def announced(self) -> Iterator[None]:
        """Connect, or switch to TLS, within this: a session that is kept is resumed.

        If that fails, no session with the server is resumed for a while.
        """
        token = _HANDSHAKE.set(self)
        try:
            yield
        except (OSError, ValueError):
            if self.offered_by is not None:
                self.offered_by.rest(self.server)
            raise
        finally:
            _HANDSHAKE.reset(token)


_HANDSHAKE: ContextVar[Handshake | None] = ContextVar("the handshake of this task", default=None)


class ResumingContext(ssl.SSLContext):
    """A context that resumes a session where a `Handshake` says which server it is with."""

    sessions: Sessions

    @override
    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        handshake = _HANDSHAKE.get()
        if handshake is None:
            return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        kept = self.sessions.take(handshake.server)
        if kept is not None:
            handshake.offered_by, session = self.sessions, kept.session
        secured = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        self.sessions.begin(secured, handshake.server, kept)
        return secured


def resuming(context: ssl.SSLContext) -> ResumingContext:
    """Make a context of Python's resume sessions, and return it.

    Its class is replaced, since `ssl.create_default_context` makes no other and takes 0.2 s.
    """
    context.__class__ = ResumingContext
    made = cast(ResumingContext, context)
    made.sessions = Sessions()
    return made


def keep_session(secured: ssl.SSLObject) -> None:
    """Keep the session of a connection that is about to end in good order.

    One that OpenSSL cannot copy is not kept, as the end of a connection must not fail.
    """
    if isinstance(secured.context, ResumingContext):
        with suppress(ValueError, ssl.SSLError):
            secured.context.sessions.keep(secured)
