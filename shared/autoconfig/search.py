"""The search for the server of an address: one way after the other, and what each one found.

A way that tells others nothing, or less, comes before one that tells them more, except that a domain's own
word goes before the ISPDB's. The search ends with the first way that finds a server that may be used, so
that no more servers learn of the address than need to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from shared.autoconfig.candidate import IMAP, POP3, PORTS, Candidate, Way, ordered
from shared.autoconfig.client_config import candidates_of, parse_client_config, usable_host
from shared.autoconfig.ispdb import config_of_domain, config_of_exchanger
from shared.autoconfig.network import Network
from shared.autoconfig.xml_tree import Unreadable
from shared.config.providers import Provider, provider_of_domain, provider_of_exchanger
from shared.config.urls import protocol_of, source_url
from shared.model.address import Address
from shared.model.endpoint import Tls
from shared.model.errors import MailferryError

GUESSES = ((IMAP, "imap"), (IMAP, "mail"), (POP3, "pop"), (POP3, "pop3"), (POP3, "mail"))
"""Hosts below the domain that are tried, by protocol."""
SERVICES = ((IMAP, "_imaps._tcp"), (POP3, "_pop3s._tcp"))
"""RFC 6186, for TLS from the first octet. RFC 8314 prefers these to those that begin in clear."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The candidates, the one to offer first at the front, and a sentence for each way that failed."""

    candidates: Sequence[Candidate]
    problems: Sequence[str]


async def find_servers(
    address: Address, network: Network, *, protocol: str = IMAP, everything: bool = False
) -> Findings:
    """Search for the server of an address.

    `protocol` is offered first where there are both. `everything`: try all ways, whatever the first ones
    find. Never raises because of the network.
    """
    search = _Search(address, network)
    for look in search.ways():
        if not everything and any(each.is_secure for each in search.found):
            break
        await look()
    return Findings(ordered(search.found, protocol), search.problems)


async def candidates(address: Address, network: Network, *, protocol: str = IMAP) -> list[Candidate]:
    """Return the servers where the mailbox may be, the one to offer first at the front."""
    return list((await find_servers(address, network, protocol=protocol)).candidates)


@dataclass(slots=True)
class _Search:
    address: Address
    network: Network
    found: list[Candidate] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    exchangers: Sequence[str] | None = None

    def ways(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Return the ways in the order in which they are tried."""
        return (
            self._by_preset,
            self._by_preset_of_exchanger,
            self._by_autoconfig,
            self._by_ispdb,
            self._by_ispdb_of_exchanger,
            self._by_service_records,
            self._by_guessing,
            self._by_autoconfig_in_clear,
        )

    async def _by_preset(self) -> None:
        provider = provider_of_domain(self.address.domain)
        if provider is not None:
            self.found += preset_candidates(provider, self.address, Way.PRESET)

    async def _by_preset_of_exchanger(self) -> None:
        """A provider may run several sets of servers behind the same exchangers, which the ISPDB knows by
        domain.
        """
        if config_of_domain(self.address.domain) is not None:
            return
        for host in await self._exchangers():
            provider = provider_of_exchanger(host)
            if provider is not None:
                self.found += preset_candidates(provider, self.address, Way.PRESET_MX)
                return

    async def _by_autoconfig(self) -> None:
        for url in autoconfig_urls(self.address):
            if await self._fetch(url, Way.AUTOCONFIG):
                return

    async def _by_ispdb(self) -> None:
        config = config_of_domain(self.address.domain)
        if config is not None:
            self.found += candidates_of(config, self.address, Way.ISPDB)

    async def _by_ispdb_of_exchanger(self) -> None:
        for host in await self._exchangers():
            config = config_of_exchanger(host)
            if config is not None:
                self.found += candidates_of(config, self.address, Way.ISPDB_MX)
                return

    async def _by_service_records(self) -> None:
        for protocol, service in SERVICES:
            try:
                answered = await self.network.services(f"{service}.{self.address.domain}")
            except MailferryError as error:
                self.problems.append(str(error))
                continue
            self.found += [
                Candidate(protocol, usable, port, Tls.IMPLICIT, str(self.address), Way.SRV)
                for host, port in answered
                if (usable := usable_host(host))
            ]

    async def _by_guessing(self) -> None:
        """Hosts that do not exist are no news to anybody, so no problem is noted."""
        domain = self.address.domain
        guesses = [
            Candidate(
                protocol,
                f"{label}.{domain}",
                PORTS[protocol, True],
                Tls.IMPLICIT,
                str(self.address),
                Way.GUESS,
            )
            for protocol, label in GUESSES
        ]
        answered = await asyncio.gather(*map(self._greets, guesses))
        self.found += [guess for guess, is_there in zip(guesses, answered, strict=True) if is_there]

    async def _by_autoconfig_in_clear(self) -> None:
        await self._fetch(clear_autoconfig_url(self.address), Way.CLEAR_AUTOCONFIG)

    async def _greets(self, guess: Candidate) -> bool:
        try:
            return await self.network.greets(guess.protocol, guess.host, guess.port)
        except MailferryError:
            return False

    async def _fetch(self, url: str, way: Way) -> bool:
        """Return whether a document was found that could be read."""
        place = url.partition("?")[0]
        try:
            config = parse_client_config(await self.network.fetch(url))
        except MailferryError as error:
            self.problems.append(f"{place}: {error}")
            return False
        except Unreadable as reason:
            self.problems.append(f"{place}: The answer is not used: {reason}.")
            return False
        self.found += candidates_of(config, self.address, way)
        return True

    async def _exchangers(self) -> Sequence[str]:
        if self.exchangers is None:
            self.exchangers = ()
            try:
                self.exchangers = await self.network.exchangers(self.address.domain)
            except MailferryError as error:
                self.problems.append(str(error))
        return self.exchangers


def preset_candidates(provider: Provider, address: Address, way: Way) -> list[Candidate]:
    """Return the servers of a known provider for an address."""
    username = address.local if provider.local_part_login else str(address)
    found = []
    for protocol, url in provider.urls.items():
        server = source_url(url)
        assert protocol_of(server.scheme) == protocol
        found.append(
            Candidate(
                protocol,
                server.host,
                server.port,
                Tls.IMPLICIT,
                username,
                way,
                provider=provider.name,
                tokens_only=bool(provider.auth) and set(provider.auth) <= {"xoauth2", "oauthbearer"},
                note=provider.advice(protocol),
            )
        )
    return found


def autoconfig_urls(address: Address) -> tuple[str, str]:
    """Return where the domain's own autoconfig document is. The first server is told the address."""
    asked = quote(str(address), safe="@")
    return (
        f"https://autoconfig.{address.domain}/mail/config-v1.1.xml?emailaddress={asked}",
        f"https://{address.domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    )


def clear_autoconfig_url(address: Address) -> str:
    """Return the URL without TLS. The address is left out of it, as everybody on the way could read it."""
    return f"http://autoconfig.{address.domain}/mail/config-v1.1.xml"
