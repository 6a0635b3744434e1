"""Asks token servers by HTTP. No redirect is followed, and an answer is bounded in size and time."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any, Protocol

from shared.model.errors import quoted
from shared.oauth.answers import Answer
from shared.oauth.providers import is_safe_url
from shared.oauth.requests import Request

TIMEOUT = 20.0
"""Seconds for a whole request. Token servers answer within one second; a lease outlives it."""
LARGEST_ANSWER = 512 * 1024


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


class HttpClient(Http):
    """Connections to token servers, which are kept open between requests."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._client: Any = None

    async def post(self, request: Request) -> Answer:
        """Return the answer, whatever its status."""
        return await self._send("POST", request.url, dict(request.headers), request.body.encode())

    async def document(self, url: str) -> Any:
        """Return a JSON document."""
        answer = await self._send("GET", url, {"Accept": "application/json"}, None)
        if answer.status != 200:
            raise Unreachable(f"{url} answered {answer.status}")
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise Unreachable(f"{url} answered with something that is no JSON") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _send(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
        if not is_safe_url(url):
            raise Unreachable(f"{quoted(url)} is no https address, so no secret is sent there")
        import httpx2  # noqa: PLC0415 - takes 0.12 s, and only who uses OAuth needs it

        try:
            if self._client is None:
                self._client = httpx2.AsyncClient(follow_redirects=False, timeout=self._timeout)
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(method, url, headers=headers, content=body) as response,
            ):
                content = b""
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > LARGEST_ANSWER:
                        break
                return Answer(response.status_code, content, _seconds(response.headers.get("retry-after")))
        except TimeoutError:
            raise Unreachable(f"it did not answer within {self._timeout:g} seconds") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            # The text of such an error names host and cause, and no header or body.
            raise Unreachable(quoted(str(error) or type(error).__name__)) from None


def _seconds(header: str | None) -> float | None:
    """Return the seconds of Retry-After; a date, which nobody sends, counts as nothing."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
