"""The servers that an endpoint stands for: itself, or the mail exchangers of its domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.model.endpoint import Endpoint
from shared.model.errors import Fault
from shared.smtp.timeouts import Timeouts


async def places(endpoint: Endpoint, timeouts: Timeouts) -> Sequence[Endpoint]:
    """At least one, in the order in which they are to be tried. Raises `NameLookupFailed`."""
    if not endpoint.by_mx:
        return [endpoint]
    from shared.net.mx import exchangers  # noqa: PLC0415 - the DNS library takes 0.1 s, and few need it

    hosts = await exchangers(endpoint.host, seconds=timeouts.connect, fault=Fault.TARGET)
    return [replace(endpoint, host=host, by_mx=False) for host in hosts]
