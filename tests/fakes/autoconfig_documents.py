"""Autoconfig documents, and a network that answers as it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.autoconfig.fetching import NotFetched
from shared.model.errors import Fault
from shared.net.errors import NameLookupFailed

IMAP_SERVER = ("imap", "imap.isp.example", "993", "SSL", "%EMAILADDRESS%", "password-cleartext")
POP3_SERVER = ("pop3", "pop.isp.example", "995", "SSL", "%EMAILLOCALPART%", "password-cleartext")


def server(
    kind: str, host: str, port: str, socket: str, username: str = "%EMAILADDRESS%", *methods: str
) -> str:
    """One incoming server."""
    authentication = "".join(f"<authentication>{each}</authentication>" for each in methods)
    return (
        f'<incomingServer type="{kind}"><hostname>{host}</hostname><port>{port}</port>'
        f"<socketType>{socket}</socketType><username>{username}</username>{authentication}</incomingServer>"
    )


def document(*servers: str, domain: str = "isp.example", name: str = "ISP") -> bytes:
    """A document with these servers; without any, with one of IMAP and one of POP3."""
    inside = "".join(servers or (server(*IMAP_SERVER), server(*POP3_SERVER)))
    return (
        f'<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="{domain}">'
        f"<domain>{domain}</domain><displayName>{name}</displayName>{inside}"
        "</emailProvider></clientConfig>"
    ).encode()


class ScriptedNetwork:
    """`asked` has every question in its order."""

    def __init__(
        self,
        documents: Mapping[str, bytes] | None = None,
        exchangers: Sequence[str] | None = None,
        services: Mapping[str, Sequence[tuple[str, int]]] | None = None,
        greeting: Sequence[tuple[str, str, int]] = (),
    ) -> None:
        self.asked: list[str] = []
        self._documents = documents or {}
        self._exchangers = exchangers
        self._services = services or {}
        self._greeting = greeting

    async def exchangers(self, domain: str) -> Sequence[str]:
        self.asked.append(f"MX {domain}")
        if self._exchangers is None:
            raise NameLookupFailed(f"There is no domain {domain}.", fault=Fault.SOURCE)
        return self._exchangers

    async def services(self, name: str) -> Sequence[tuple[str, int]]:
        self.asked.append(f"SRV {name}")
        return self._services.get(name, ())

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        found = self._documents.get(url.partition("?")[0])
        if found is None:
            raise NotFetched("It answers 404.")
        return found

    async def greets(self, protocol: str, host: str, port: int) -> bool:
        self.asked.append(f"{protocol} {host}:{port}")
        if (protocol, host, port) in self._greeting:
            return True
        raise NameLookupFailed(f"There is no {host}.", fault=Fault.SOURCE)
