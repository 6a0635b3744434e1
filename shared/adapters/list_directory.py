"""A directory from a file: listed recipients exist (`shared.model.recipient_list`).

The file is read again when its time, size or inode changes. A new version that cannot be used is reported
once and the version before it stays in force. The same holds where the file is removed.
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
from shared.ports.directory import Existence, LookupResult

log = structlog.get_logger("mailferry.directory")


class FileVersion(NamedTuple):
    """What tells versions of the file apart. All zero where there is no file."""

    mtime_ns: int = 0
    size: int = 0
    inode: int = 0


class ListDirectory:
    """The recipients listed in the file at `path`."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._list: RecipientList | None = None
        self._version: FileVersion | None = None
        self._loading = asyncio.Lock()

    def look_up_cached(self, addresses: Collection[str]) -> Mapping[str, LookupResult] | None:
        """See the port. None where the file has changed."""
        return self._results(addresses) if self._version == _version(self._path) else None

    async def look_up(self, addresses: Collection[str]) -> Mapping[str, LookupResult]:
        """See the port."""
        async with self._loading:
            if self._version != _version(self._path):
                await asyncio.to_thread(self._load)
        return self._results(addresses)

    def _results(self, addresses: Collection[str]) -> dict[str, LookupResult]:
        return {address: self._result(address) for address in addresses}

    def _result(self, address: str) -> LookupResult:
        if self._list is None:
            return LookupResult(Existence.UNDECIDED, f"{self._path} cannot be used")
        local, _, domain = address.rpartition("@")
        if self._list.has(Address(local, domain)):
            return LookupResult(Existence.EXISTS, f"listed in {self._path}")
        return LookupResult(Existence.MISSING, f"not listed in {self._path}")

    def _load(self) -> None:
        """Read the file. The version noted is that of the file read, whatever has replaced it meanwhile."""
        try:
            with self._path.open("rb") as file:
                self._version = _version_of(os.fstat(file.fileno()))
                self._list = read_recipient_list(file.read(), str(self._path))
        except BrokenRecipientList as broken:
            self._report(broken.problems)
        except OSError as error:
            self._version = _version(self._path)
            self._report([f"{self._path} cannot be read: {error.strerror}"])
        else:
            log.info("recipient list read", path=str(self._path))

    def _report(self, problems: list[str]) -> None:
        in_force = "none: all recipients count as existing" if self._list is None else "the version before it"
        for problem in problems:
            log.error("recipient list not read", problem=problem, in_force=in_force)


def _version(path: Path) -> FileVersion:
    try:
        return _version_of(path.stat())
    except OSError:
        return FileVersion()


def _version_of(status: os.stat_result) -> FileVersion:
    return FileVersion(status.st_mtime_ns, status.st_size, status.st_ino)
