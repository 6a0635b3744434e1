"""A directory from a file: who is listed exists (`shared.model.recipient_list`).

The file is read again when its time, size or inode has changed. A new version that cannot be used is reported
once, and the one before it stays in force; so does it where the file is gone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import structlog

from shared.model.address import Address
from shared.model.recipient_list import BrokenRecipientList, RecipientList, read_recipient_list
from shared.ports.directory import Existence, Finding

log = structlog.get_logger("mailferry.directory")


class Stamp(NamedTuple):
    """By what a version of the file is recognised; all zero where there is none."""

    mtime_ns: int = 0
    size: int = 0
    inode: int = 0


class ListDirectory:
    """Who is in the list at `path`."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._list: RecipientList | None = None
        self._stamp: Stamp | None = None
        self._loading = asyncio.Lock()

    def at_hand(self, addresses: Collection[str]) -> Mapping[str, Finding] | None:
        """See the port; None where the file has changed."""
        return self._findings(addresses) if self._stamp == _stamp(self._path) else None

    async def look_up(self, addresses: Collection[str]) -> Mapping[str, Finding]:
        """See the port."""
        async with self._loading:
            if self._stamp != _stamp(self._path):
                await asyncio.to_thread(self._load)
        return self._findings(addresses)

    def _findings(self, addresses: Collection[str]) -> dict[str, Finding]:
        return {address: self._finding(address) for address in addresses}

    def _finding(self, address: str) -> Finding:
        if self._list is None:
            return Finding(Existence.UNDECIDED, f"{self._path} cannot be used")
        local, _, domain = address.rpartition("@")
        if self._list.has(Address(local, domain)):
            return Finding(Existence.EXISTS, f"listed in {self._path}")
        return Finding(Existence.MISSING, f"not listed in {self._path}")

    def _load(self) -> None:
        """The stamp is that of the file that was read, whatever has taken its place meanwhile."""
        try:
            with self._path.open("rb") as file:
                self._stamp = _stamp_of(os.fstat(file.fileno()))
                self._list = read_recipient_list(file.read(), str(self._path))
        except BrokenRecipientList as broken:
            self._report(broken.problems)
        except OSError as error:
            self._stamp = _stamp(self._path)
            self._report([f"{self._path} cannot be read: {error.strerror}"])
        else:
            log.info("recipient list read", path=str(self._path))

    def _report(self, problems: list[str]) -> None:
        in_force = "none: all recipients count as existing" if self._list is None else "the version before it"
        for problem in problems:
            log.error("recipient list not read", problem=problem, in_force=in_force)


def _stamp(path: Path) -> Stamp:
    try:
        return _stamp_of(path.stat())
    except OSError:
        return Stamp()


def _stamp_of(status: os.stat_result) -> Stamp:
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)
