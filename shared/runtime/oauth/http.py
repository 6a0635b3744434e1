"""Asks token servers by HTTP. No redirect is followed, and an answer is bounded in size and time.

h11 writes and reads HTTP/1.1; connections are those of all parts of Mailferry, and are kept for the next
request. With httpx2 a request took four times the CPU, more than renewing 10,000 grants an hour may cost.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, Protocol
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit
from urllib.request import (  # type: ignore[attr-defined] # typeshed has no functions of the environment alone
    getproxies_environment,
    proxy_bypass_environment,
)

import h11

from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault, quoted
from shared.model.masking import MASK
from shared.net.connection import Connection
from shared.net.dial import dial
from shared.net.errors import NetworkError
from shared.oauth.answers import Answer
from shared.oauth.providers import is_safe_url
from shared.oauth.requests import Request
from shared.runtime.oauth.http_session import Session, connect_head, request_head

TIMEOUT = 20.0
"""Seconds for a whole request. Token servers answer within one second; a lease outlives it."""
KEPT_FOR = 60.0
"""Seconds for which a connection is kept without a request; token servers close it after minutes."""
MOST_KEPT = 10
"""Connections to one server that are kept."""
TOKEN = b'"access_token"'
SECRETS = frozenset(
    {"refresh_token", "client_secret", "assertion", "code", "code_verifier", "device_code", "token"}
)
"""What in a request is a secret. A server may repeat it in the words of an error, which are logged."""
SHORTEST_SECRET = 8
PORTS = {"https": 443, "http": 80}


class Unreachable(Exception):
    """No answer came. The text is a clause that says why."""


class Http(Protocol):
    """Sends requests."""

    async def post(self, request: Request) -> Answer:
        """Return the answer, whatever its status. Raises `Unreachable`."""
        ...

    async def document(self, url: str) -> Any:
        """Return a JSON document. Raises `Unreachable`."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Server(NamedTuple):
    """Where requests go: `proxy` is the URL of one that stands before it."""

    scheme: str
    host: str
    port: int
    proxy: str | None

    @property
    def endpoint(self) -> Endpoint:
        """What is connected to, or encrypted with."""
        return Endpoint(self.host, self.port, Tls.IMPLICIT if self.scheme == "https" else Tls.OFF)


class HttpClient(Http):
    """Connections to token servers, which are kept open between requests.

    For https, the environment may name a proxy (HTTPS_PROXY, NO_PROXY).
    """

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._proxies = getproxies_environment()
        self._kept: dict[Server, list[Session]] = {}

    async def post(self, request: Request) -> Answer:
        """Return the answer, whatever its status. One without tokens repeats no secret of the request."""
        answer = await self._send("POST", request.url, request.headers, request.body.encode())
        return answer if TOKEN in answer.body else _without_secrets(answer, request)

    async def document(self, url: str) -> Any:
        """Return a JSON document."""
        answer = await self._send("GET", url, {"Accept": "application/json"}, b"")
        if answer.status != 200:
            raise Unreachable(f"{url} answered {answer.status}")
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise Unreachable(f"{url} answered with something that is no JSON") from None

    async def close(self) -> None:
        """Close the connections."""
        kept, self._kept = self._kept, {}
        for session in (each for sessions in kept.values() for each in sessions):
            await session.connection.close()

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if not is_safe_url(url):
            raise Unreachable(f"{quoted(url)} is no https address, so no secret is sent there")
        parts = urlsplit(url)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(
                    self._server(parts), request_head(method, parts, headers, body), body
                )
        except TimeoutError:
            raise Unreachable(f"it did not answer within {self._timeout:g} seconds") from None
        except NetworkError as error:
            # The text of such an error names host and cause, and no header or body.
            raise Unreachable(quoted(str(error).removesuffix("."))) from None
        except h11.ProtocolError:
            raise Unreachable("it does not answer as a web server should") from None

    def _server(self, parts: SplitResult) -> Server:
        host, proxy = parts.hostname or "", None
        if parts.scheme == "https" and not proxy_bypass_environment(host, self._proxies):
            proxy = self._proxies.get("https")
        return Server(parts.scheme, host, parts.port or PORTS[parts.scheme], proxy)

    async def _exchange(self, server: Server, head: h11.Request, body: bytes) -> Answer:
        session = self._kept_session(server)
        if session is None:
            session = await self._opened(server)
        else:
            # The server may close a kept connection just as the request is sent, and has not read it then.
            with suppress(h11.ProtocolError, NetworkError):
                return await self._asked(server, session, head, body)
            if session.is_answered:
                raise h11.RemoteProtocolError("the answer broke off")
            session = await self._opened(server)
        return await self._asked(server, session, head, body)

    async def _asked(self, server: Server, session: Session, head: h11.Request, body: bytes) -> Answer:
        try:
            answer = await session.ask(head, body)
        except BaseException:
            session.connection.abort()
            raise
        kept = self._kept.setdefault(server, [])
        if session.is_reusable and len(kept) < MOST_KEPT:
            session.kept_at = asyncio.get_running_loop().time()
            kept.append(session)
        else:
            await session.connection.close()
        return answer

    def _kept_session(self, server: Server) -> Session | None:
        """Take a connection that is still good; close those that are too old."""
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(server, [])
        while kept:
            session = kept.pop()
            if not session.is_lost and now - session.kept_at < KEPT_FOR:
                return session
            session.connection.abort()
        return None

    async def _opened(self, server: Server) -> Session:
        if server.proxy is None:
            return Session(await self._dialed(server.endpoint))
        return Session(await self._through(server, server.proxy))

    async def _dialed(self, endpoint: Endpoint) -> Connection:
        return await dial(
            endpoint,
            connect_timeout=self._timeout,
            inactivity_timeout=self._timeout,
            fault=Fault.OPERATOR,
        )

    async def _through(self, server: Server, proxy: str) -> Connection:
        """Connect through a proxy (RFC 9110, section 9.3.6)."""
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        tls = Tls.IMPLICIT if parts.scheme == "https" else Tls.OFF
        connection = await self._dialed(Endpoint(parts.hostname or "", parts.port or 8080, tls))
        try:
            answer = await Session(connection).ask(connect_head(server.host, server.port, parts), b"")
            if 200 <= answer.status < 300:
                await connection.start_tls(server.endpoint)
                return connection
        except BaseException:
            connection.abort()
            raise
        connection.abort()
        raise Unreachable(f"the proxy {quoted(parts.hostname or '')} answered {answer.status}")


def _without_secrets(answer: Answer, request: Request) -> Answer:
    """Return the answer with the secrets of the request masked."""
    body = answer.body
    for name, value in parse_qsl(request.body):
        if name in SECRETS and len(value) >= SHORTEST_SECRET:
            for written in (value, value.replace("/", "\\/"), quote(value, safe="")):
                body = body.replace(written.encode(), MASK)
    return replace(answer, body=body)
