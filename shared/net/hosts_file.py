"""The names in /etc/hosts, which go before all that name servers say. Read again when the file changes."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path

HOSTS = Path("/etc/hosts")
LARGEST_FILE = 8 * 1024 * 1024
"""Octets that are read. Lists that block advertisements, the largest in use, have about five million."""


class HostsFile:
    """The file at `path`. One that is not there, or cannot be read, names nobody."""

    def __init__(self, path: Path = HOSTS) -> None:
        self._path = path
        self._state: tuple[int, int, int] | None = None
        self._names: Mapping[str, Sequence[str]] = {}

    def addresses(self, host: str) -> Sequence[str]:
        """The addresses of `host`, in the file's order; none where the file does not name it."""
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
    """The addresses of each name, in lower case. Lines that make no sense are passed over, see hosts(5)."""
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
