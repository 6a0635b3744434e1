"""The mail exchangers of a domain, in the order in which they are tried (RFC 5321, section 5.1).

Promises: the most preferred come first, those of equal preference in random order; the domain itself is used
where it has no MX record; at most `MOST_EXCHANGERS` are returned; a domain that takes no mail (RFC 7505) is
an error.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable

import dns.asyncresolver
import dns.exception
import dns.rdtypes.ANY.MX
import dns.resolver

from shared.model.errors import Fault, quoted
from shared.net.errors import NameLookupFailed
from shared.net.resolver import SERVERS, why

MOST_EXCHANGERS = 10
ROOT = "."

Preferences = Iterable[tuple[int, str]]


async def exchangers(
    domain: str, *, seconds: float, fault: Fault, resolver: dns.asyncresolver.Resolver | None = None
) -> list[str]:
    """Return the host names of the mail exchangers of `domain`.

    `resolver`: None is this machine's, whose answers are cached. Raises `NameLookupFailed`.
    """
    try:
        async with asyncio.timeout(seconds):
            asked = resolver or SERVERS.resolver()
            answer = await asked.resolve(domain, "MX", lifetime=seconds, search=False)
    except dns.resolver.NoAnswer:
        return [domain]
    except dns.resolver.NXDOMAIN as error:
        raise NameLookupFailed(f"There is no domain {quoted(domain)}.", fault=fault) from error
    except (dns.exception.DNSException, OSError) as error:
        text = f"The mail exchangers of {quoted(domain)} cannot be looked up: {why(error)}."
        raise NameLookupFailed(text, fault=fault) from error
    found = [(record.preference, record.exchange.to_text()) for record in answer]
    hosts = ordered(found, random.random)
    if not hosts:
        raise NameLookupFailed(f"The domain {quoted(domain)} says that it takes no mail.", fault=fault)
    return hosts


def ordered(records: Preferences, chance: Callable[[], float]) -> list[str]:
    """Return the hosts of MX records, most preferred first; `chance` (0 to 1) orders equals."""
    ranked = sorted((preference, chance(), host) for preference, host in records if host != ROOT)
    return [host.rstrip(ROOT) for _, _, host in ranked[:MOST_EXCHANGERS]]
