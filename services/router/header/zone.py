"""The trusted zone: the part of a header that the provider's own servers wrote.

Servers write on top. The zone reaches from the top of the header down to the last Received line in unbroken
sequence whose `by` host is the provider's; a line in the zone that tells of a client outside of the
provider is the last of them, since what is below it came from that client. The provider is who the
account's `trusted_hosts` say, or the organisational domain of the topmost `by` that has one: the last hop
is his by definition. Hand-overs above that within one machine (`by localhost`, or no `by` at all, as qmail
writes) belong to the zone. A line there that cannot be read is the last one, too: who wrote it is not known.

A content filter writes a line of its own, often by a name that many hosts have (`by localhost`, `by mail`).
Such a line belongs to the zone where the line above it, which the provider wrote, shows that the mail was
handed over inside: by the client's address, by its name as far as that counts, or by LMTP.

Where no server noted anything, nothing tells the two parts apart: all fields are in the zone, and
`is_vouched` is False.
"""

from __future__ import annotations

from functools import cached_property

from services.router.header.fields import Header, HeaderField
from services.router.header.hop import (
    Client,
    Hop,
    is_loopback,
    is_private_host,
    organisational_domain,
    read_client,
    read_hop,
)

HOP_LIMIT = 100
ANY_BELOW = "*."


class Zone:
    """The trusted zone of `header`; nothing is read before it is asked for."""

    def __init__(self, header: Header, trusted_hosts: tuple[str, ...] = ()) -> None:
        self._header = header
        self._trusted_hosts = trusted_hosts

    @cached_property
    def hops(self) -> list[Hop]:
        """What the provider's Received lines say, topmost first; at most `HOP_LIMIT`."""
        hops: list[Hop] = []
        provider = ""
        lines = self._header.all("received")[:HOP_LIMIT]
        for number, field in enumerate(lines):
            line = field.unfolded
            hop = read_hop(line)
            joined = self._provider_with(hop, provider)
            if joined is None and hops and self._is_inside(hop, line, hops[-1], lines[number - 1], provider):
                joined = provider
            if joined is None:
                break
            provider = joined
            hops.append(hop)
            if number + 1 < len(lines) and self._is_last(hop, line, provider):
                break
        return hops if provider or not self._trusted_hosts else []

    def _provider_with(self, hop: Hop, provider: str) -> str | None:
        """The provider as this hop tells, "" as long as none does; None where the hop's name is not his."""
        domain = organisational_domain(hop.by)
        if not self._trusted_hosts:
            return None if provider and domain != provider else domain
        if is_among(self._trusted_hosts, hop.by):
            return provider or hop.by
        return None if provider or domain else ""

    def _is_inside(self, hop: Hop, line: bytes, above: Hop, line_above: HeaderField, provider: str) -> bool:
        """Whether a hop without a public name is the provider's, as the line above it, which is his, shows.

        A client outside cannot have handed over to a machine's own address. To a host with a name or an
        address of the network it can, if that is the host of which the line above tells.
        """
        if not hop.is_readable or not is_private_host(hop.by):
            return False
        client = read_client(line_above.unfolded)
        if not (above.is_by_lmtp or self._is_shown_inside(client, provider)):
            return False
        if not self._is_last(hop, line, provider):
            return True
        return not is_loopback(hop.by) and hop.by.strip("[]") in (client.ip, client.name, client.label)

    def _is_shown_inside(self, client: Client, provider: str) -> bool:
        """Whether the client is plainly one of the provider's.

        Where hosts are trusted, an address of the network does not make another host one of them.
        """
        if is_loopback(client.ip):
            return True
        name = _name_that_counts(client)
        if self._trusted_hosts:
            return is_among(self._trusted_hosts, client.ip) or is_among(self._trusted_hosts, name)
        return client.is_outside is False or organisational_domain(name) == provider

    @property
    def client(self) -> Client:
        """Whom the provider had the mail from: what the last of his lines says, if it can be read."""
        hops = self.hops
        if not hops or not hops[-1].is_readable:
            return Client()
        return read_client(self._header.all("received")[len(hops) - 1].unfolded)

    @property
    def is_vouched(self) -> bool:
        """Whether there is any Received line, so that there is a zone to speak of."""
        return bool(self._header.all("received"))

    @cached_property
    def end(self) -> int:
        """How many of the header's fields are in the zone, from the top."""
        if not self.is_vouched:
            return len(self._header.fields)
        places = self._header.places("received")
        return places[len(self.hops) - 1] + 1 if self.hops else 0

    def fields(self, name: str) -> list[HeaderField]:
        """The fields of this name (in lower case) in the zone, topmost first."""
        found = self._header.all(name)
        if not found or not self.is_vouched:
            return found
        places = self._header.places(name)
        if not self._trusted_hosts and places[-1] < self._header.places("received")[0]:
            return found
        return found[: sum(place < self.end for place in places)]

    def _is_last(self, hop: Hop, line: bytes, provider: str) -> bool:
        """Whether what stands below the line, which is in the zone, is not, whoever it names."""
        if not hop.is_readable:
            return True
        return not hop.is_by_lmtp and self._comes_from_outside(read_client(line), provider)

    def _comes_from_outside(self, client: Client, provider: str) -> bool:
        """Whether the client is plainly none of the provider's. In doubt he is: his `by` has to tell then."""
        is_outside = client.is_outside
        if is_outside is False:
            return False
        name = _name_that_counts(client)
        if is_among(self._trusted_hosts, name) or is_among(self._trusted_hosts, client.ip):
            return False
        domain = organisational_domain(name)
        if domain and provider:
            return domain != organisational_domain(provider)
        return is_outside is True


def _name_that_counts(client: Client) -> str:
    """A name that the client alone says is its own does not count beside an address outside."""
    return "" if client.is_outside and client.is_claimed else client.name


def is_among(patterns: tuple[str, ...], host: str) -> bool:
    """Whether the host is one of those named, or below one of the domains written as `*.isp.example`."""
    host = host.strip("[]").rstrip(".")
    return any(
        host.endswith(pattern[1:]) if pattern.startswith(ANY_BELOW) else host == pattern
        for pattern in patterns
    )
