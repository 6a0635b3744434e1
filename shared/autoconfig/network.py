"""What the search asks the network: name servers, web servers and mail servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.autoconfig.candidate import IMAP
from shared.autoconfig.fetching import Web, fetch
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.net.dial import dial

GREETINGS = {True: (b"* OK", b"* PREAUTH"), False: (b"+OK",)}
"""How a server greets, by whether it speaks IMAP."""
LONGEST_GREETING = 2048


class Network(Protocol):
    """What the search asks. Each method raises `NetworkError` or another `MailferryError`."""

    async def exchangers(self, domain: str) -> Sequence[str]:
        """Return the mail exchangers of a domain."""
        ...

    async def services(self, name: str) -> Sequence[tuple[str, int]]:
        """Return host and port of the servers that the SRV records of `name` say."""
        ...

    async def fetch(self, url: str) -> bytes:
        """Return the document at a URL."""
        ...

    async def greets(self, protocol: str, host: str, port: int) -> bool:
        """Return whether a server of this protocol answers there through TLS, with a trusted certificate."""
        ...


class Internet:
    """The network of this machine. `web` says how far it may be used; the seconds hold for each question."""

    def __init__(self, web: Web = Web()) -> None:
        self._web = web

    async def exchangers(self, domain: str) -> Sequence[str]:
        """See `Network`."""
        from shared.net.mx import exchangers  # noqa: PLC0415 - the DNS library takes 0.1 s to load

        return await exchangers(domain, seconds=self._web.seconds, fault=Fault.SOURCE)

    async def services(self, name: str) -> Sequence[tuple[str, int]]:
        """See `Network`."""
        from shared.net.srv import services  # noqa: PLC0415 - the DNS library takes 0.1 s to load

        return await services(name, seconds=self._web.seconds, fault=Fault.SOURCE)

    async def fetch(self, url: str) -> bytes:
        """See `Network`."""
        return await fetch(url, self._web)

    async def greets(self, protocol: str, host: str, port: int) -> bool:
        """See `Network`."""
        endpoint = Endpoint(
            host, port, Tls.IMPLICIT, ca_file=self._web.ca_file, addresses=self._web.addresses
        )
        seconds = self._web.seconds
        connection = await dial(
            endpoint, connect_timeout=seconds, inactivity_timeout=seconds, fault=Fault.SOURCE
        )
        try:
            connection.set_deadline(seconds)
            greeting = b""
            while b"\n" not in greeting and len(greeting) < LONGEST_GREETING:
                data = await connection.read()
                if not data:
                    break
                greeting += data
            return greeting.startswith(GREETINGS[protocol == IMAP])
        finally:
            connection.abort()
