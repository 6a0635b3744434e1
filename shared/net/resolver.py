"""Look up host names without the system's resolver.

That needs a thread for each query: a few names whose servers never answer would take all threads, and all
other lookups would wait for them. Promises: each query has its own socket and time limit; answers are cached
for their TTL, at most `MOST_ANSWERS` of them; /etc/hosts is used before name servers; search domains are used
as resolv.conf(5) says. Both files are read again when they change.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from shared.model.errors import Fault, quoted
from shared.net.errors import NameLookupFailed

HOSTS = Path("/etc/hosts")
LARGEST_FILE = 8 * 1024 * 1024
"""Octets that are read. The largest files in use, lists that block advertisements, have five million."""
CONFIGURATION = Path("/etc/resolv.conf")
MOST_ANSWERS = 10_000
"""Cached answers. Each takes about 2 kB of memory."""
SECOND_FAMILY = 0.5
"""Seconds to wait for the addresses of the other family once those of one are known. Some name servers never
answer queries for IPv6 addresses."""
LOOPBACK = ("127.0.0.1", "::1")
_TYPES = (dns.rdatatype.AAAA, dns.rdatatype.A)


class HostsFile:
    """The hosts(5) file at `path`. A file that cannot be read has no names."""

    def __init__(self, path: Path = HOSTS) -> None:
        self._path = path
        self._state: tuple[int, int, int] | None = None
        self._names: Mapping[str, Sequence[str]] = {}

    def addresses(self, host: str) -> Sequence[str]:
        """Return the addresses of `host` in the file's order; none if the file does not name it."""
        try:
            status = self._path.stat()
            state = (status.st_ino, status.st_mtime_ns, status.st_size)
            if state != self._state:
                with self._path.open("rb") as file:
                    self._names = parse_hosts(file.read(LARGEST_FILE).decode("utf-8", "replace"))
                self._state = state
        except OSError:
            self._state, self._names = None, {}
        return self._names.get(host.rstrip(".").lower(), ())


def parse_hosts(text: str) -> dict[str, list[str]]:
    """Return the addresses of each name, in lower case. Malformed lines are skipped, see hosts(5)."""
    names: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *those = line.partition("#")[0].split() or [""]
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue
        for name in those:
            known = names.setdefault(name.rstrip(".").lower(), [])
            if address not in known:
                known.append(address)
    return names


class NoNameServer(OSError):
    """This machine's configuration cannot be read."""


class NameServers:
    """The name servers of resolv.conf at `path`, with one cache."""

    def __init__(self, path: Path = CONFIGURATION) -> None:
        self._path = path
        self._state: tuple[int, int] | None = None
        self._resolver: dns.asyncresolver.Resolver | None = None

    def resolver(self) -> dns.asyncresolver.Resolver:
        """Return the resolver by the configuration as it is now.

        Raises `NoNameServer`, and dns.resolver.NoResolverConfiguration where the configuration names none.
        """
        try:
            status = self._path.stat()
            state = (status.st_mtime_ns, status.st_size)
        except OSError as error:
            raise NoNameServer(f"{self._path} cannot be read") from error
        if self._resolver is None or state != self._state:
            self._resolver = dns.asyncresolver.Resolver(str(self._path))
            self._resolver.cache = dns.resolver.LRUCache(MOST_ANSWERS)
            self._state = state
        return self._resolver


class AddressBook:
    """Finds the addresses of hosts, first in /etc/hosts, then by name servers."""

    def __init__(self, hosts: HostsFile | None = None, servers: NameServers | None = None) -> None:
        self._hosts = hosts or HostsFile()
        self._servers = servers or SERVERS

    async def addresses(self, host: str, *, until: float, fault: Fault) -> Sequence[str]:
        """Return the IP addresses of `host`, at least one; those to which this machine has a route come
        first.

        `until`: a moment of the event loop's clock. Raises `NameLookupFailed`.
        """
        known = self._hosts.addresses(host) or _loopback(host)
        if known:
            return known
        try:
            name = dns.name.from_text(host, origin=None)
            found = await _both_families(self._servers.resolver(), name, until)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise NameLookupFailed(
                f"The name {quoted(host)} cannot be looked up: {why(error)}.", fault=fault
            ) from error
        return sorted(found, key=lambda address: not _has_route_to(address))


async def _both_families(
    resolver: dns.asyncresolver.Resolver, name: dns.name.Name, until: float
) -> list[str]:
    """Return IPv6 addresses, then IPv4 ones. Raises the error of a query if there are none."""
    loop = asyncio.get_running_loop()
    tasks = [asyncio.ensure_future(_question(resolver, name, kind, until)) for kind in _TYPES]
    try:
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if pending:
            has_some = any(not each.exception() for each in done)
            seconds = SECOND_FAMILY if has_some else max(0.0, until - loop.time()) + SECOND_FAMILY
            await asyncio.wait(pending, timeout=seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    answered = [task for task in tasks if not task.cancelled()]
    found = [address for task in answered if not task.exception() for address in task.result()]
    errors = [error for task in answered if (error := task.exception())]
    if not found:
        raise _most_telling(errors)
    return found


async def _question(
    resolver: dns.asyncresolver.Resolver, name: dns.name.Name, kind: dns.rdatatype.RdataType, until: float
) -> list[str]:
    seconds = max(until - asyncio.get_running_loop().time(), 0.001)
    async with asyncio.timeout_at(until):
        answer = await resolver.resolve(name, kind, lifetime=seconds, search=True)
    return [record.address for record in answer]


def _most_telling(errors: Sequence[BaseException]) -> BaseException:
    """Return an error about something that does not work, before one about a missing address."""
    for error in errors:
        if not isinstance(error, (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN)):
            return error
    return errors[0] if errors else TimeoutError()


def why(error: Exception) -> str:
    """Return why a lookup failed, as the end of a sentence."""
    if isinstance(error, dns.resolver.NXDOMAIN):
        return "there is no such name"
    if isinstance(error, dns.resolver.NoAnswer):
        return "the name has no address"
    if isinstance(error, NoNameServer | dns.resolver.NoResolverConfiguration):
        return f"this machine has no name server; {CONFIGURATION} names none, or cannot be read"
    if isinstance(error, dns.resolver.NoNameservers):
        return "the name servers of this machine answered with an error, or none could be reached"
    if isinstance(error, TimeoutError | dns.exception.Timeout):
        return "no name server answered in time; it took too long"
    return quoted(str(error) or type(error).__name__).removesuffix(".")


def _loopback(host: str) -> Sequence[str]:
    """`localhost` means this machine, whatever name servers say (RFC 6761, section 6.3)."""
    name = host.rstrip(".").lower()
    return LOOPBACK if name == "localhost" or name.endswith(".localhost") else ()


def _has_route_to(address: str) -> bool:
    """Return whether this machine has a route to the address. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return True
    return False


SERVERS = NameServers()
ADDRESS_BOOK = AddressBook()
