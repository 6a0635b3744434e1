"""The trusted zone: the part of a header that the provider's own servers wrote.

Every server adds its fields on top. So the fields at the top are the provider's, and those below came with
the mail and may be forged. The zone decides where the border is.

Where the zone ends
- It reaches from the top down to the last of the provider's Received lines, without a gap.
- A Received line is the provider's if its `by` host is one of the account's `trusted_hosts`. Without that
  setting, its `by` host must have the same organisational domain as the topmost `by` host that has one: the
  provider wrote the topmost line by definition.
- Lines above that with no public name (`by localhost`, or no `by` at all, as qmail writes) are hand-overs
  within the provider's machine and belong to the zone.
- A line in the zone whose client is outside of the provider is the last one. All below it came from outside.
- A line that cannot be read is the last one, too: nobody knows who wrote it.

Content filters add a line with a name that many hosts have (`by localhost`, `by mail`). Such a line belongs
to the zone if the provider's line above it shows that the mail was handed over inside: by the client's IP
address, by the client's name if it is not merely claimed, or because it was LMTP.

A header without any Received line has no border: all fields are in the zone, and `has_received` is False.
"""

from __future__ import annotations

from functools import cached_property

from services.router.header.fields import Header, HeaderField
from services.router.header.host_names import (
    is_loopback,
    is_private_host,
    matches_host,
    organisational_domain,
)
from services.router.header.received import Client, Hop, read_client, read_hop

HOP_LIMIT = 100


class TrustedZone:
    """The trusted zone of `header`. Nothing is parsed before it is asked for."""

    def __init__(self, header: Header, trusted_hosts: tuple[str, ...] = ()) -> None:
        self._header = header
        self._trusted_hosts = trusted_hosts

    @cached_property
    def hops(self) -> list[Hop]:
        """The provider's Received lines, topmost first; at most `HOP_LIMIT`."""
        hops: list[Hop] = []
        provider = ""
        lines = self._header.all_named("received")[:HOP_LIMIT]
        for number, field in enumerate(lines):
            line = field.unfolded
            hop = read_hop(line)
            joined = self._provider_after(hop, provider)
            if joined is None and hops and self._is_inside(hop, line, hops[-1], lines[number - 1], provider):
                joined = provider
            if joined is None:
                break
            provider = joined
            hops.append(hop)
            if number + 1 < len(lines) and self._is_last(hop, line, provider):
                break
        return hops if provider or not self._trusted_hosts else []

    @property
    def client(self) -> Client:
        """The host from which the provider received the mail, as the last line in the zone says."""
        hops = self.hops
        if not hops or not hops[-1].is_readable:
            return Client()
        return read_client(self._header.all_named("received")[len(hops) - 1].unfolded)

    @property
    def has_received(self) -> bool:
        """Whether there is any Received line, by which the provider's part can be told from the rest."""
        return bool(self._header.all_named("received"))

    @cached_property
    def end(self) -> int:
        """How many of the header's fields, from the top, are in the zone."""
        if not self.has_received:
            return len(self._header.fields)
        positions = self._header.positions("received")
        return positions[len(self.hops) - 1] + 1 if self.hops else 0

    def fields_named(self, name: str) -> list[HeaderField]:
        """Return the fields of this name (in lower case) in the zone, topmost first."""
        found = self._header.all_named(name)
        if not found or not self.has_received:
            return found
        positions = self._header.positions(name)
        if not self._trusted_hosts and positions[-1] < self._header.positions("received")[0]:
            return found
        return found[: sum(position < self.end for position in positions)]

    def _provider_after(self, hop: Hop, provider: str) -> str | None:
        """Return the provider's domain or host as known after this hop; "" while no hop has told it.

        None where the hop's host is not the provider's.
        """
        domain = organisational_domain(hop.by)
        if not self._trusted_hosts:
            return None if provider and domain != provider else domain
        if matches_host(self._trusted_hosts, hop.by):
            return provider or hop.by
        return None if provider or domain else ""

    def _is_inside(self, hop: Hop, line: bytes, above: Hop, line_above: HeaderField, provider: str) -> bool:
        """Return whether a hop without a public name is the provider's, as the provider's line above shows.

        A client outside cannot have handed over to a loopback address. It can have handed over to a host with
        a name or an address of the private network, if that is the host that the line above names as client.
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
        """Return whether the client is plainly one of the provider's hosts.

        With `trusted_hosts`, a private IP address alone does not make a host one of the provider's.
        """
        if is_loopback(client.ip):
            return True
        name = _credible_name(client)
        if self._trusted_hosts:
            return matches_host(self._trusted_hosts, client.ip) or matches_host(self._trusted_hosts, name)
        return client.is_public is False or organisational_domain(name) == provider

    def _is_last(self, hop: Hop, line: bytes, provider: str) -> bool:
        """Return whether the zone ends with this line, whoever the line below names."""
        if not hop.is_readable:
            return True
        return not hop.is_by_lmtp and self._comes_from_outside(read_client(line), provider)

    def _comes_from_outside(self, client: Client, provider: str) -> bool:
        """Return whether the client is plainly not the provider's. In doubt it is: its own `by` decides."""
        is_public = client.is_public
        if is_public is False:
            return False
        name = _credible_name(client)
        if matches_host(self._trusted_hosts, name) or matches_host(self._trusted_hosts, client.ip):
            return False
        domain = organisational_domain(name)
        if domain and provider:
            return domain != organisational_domain(provider)
        return is_public is True


def _credible_name(client: Client) -> str:
    """Return the client's name; "" where it is merely claimed by a client with a public IP address."""
    return "" if client.is_public and client.is_claimed else client.name
