"""The servers of a service, by SRV records (RFC 2782), such as `_imaps._tcp` of a mail domain (RFC 6186)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.rdtypes.IN.SRV
import dns.resolver

from shared.model.errors import Fault, quoted
from shared.net.errors import NameLookupFailed
from shared.net.resolver import SERVERS, why

MOST_SERVICES = 5
ROOT = "."


class Service(NamedTuple):
    """Where a service is."""

    host: str
    port: int


async def services(
    name: str, *, seconds: float, fault: Fault, resolver: dns.asyncresolver.Resolver | None = None
) -> Sequence[Service]:
    """Return the servers that the SRV records of `name` say, the most preferred first; none without records.

    Of equals the one with the greatest weight is first: a person chooses one, so that nothing is to be
    spread. `resolver`: None is this machine's. Raises `NameLookupFailed`.
    """
    try:
        async with asyncio.timeout(seconds):
            asked = resolver or SERVERS.resolver()
            answer = await asked.resolve(name, "SRV", lifetime=seconds, search=False)
    except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
        return ()
    except (dns.exception.DNSException, OSError) as error:
        text = f"The servers of {quoted(name)} cannot be looked up: {why(error)}."
        raise NameLookupFailed(text, fault=fault) from error
    ranked = sorted(answer, key=lambda record: (record.priority, -record.weight))
    found = [Service(record.target.to_text().rstrip(ROOT), record.port) for record in ranked]
    return [each for each in found if each.host and each.port][:MOST_SERVICES]
