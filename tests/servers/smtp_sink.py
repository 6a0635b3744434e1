"""Postfix's smtp-sink: a fast SMTP or LMTP server that accepts every mail.

Promises: with `keep=True` every accepted mail is on disk, with its envelope, before the client reads the 250;
without, mails are only counted, which is what a benchmark wants. A transaction that breaks off is neither
counted nor kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers.directory import give_to, is_root
from tests.servers.ports import free_port, greets
from tests.servers.process import ServerError, ServerProcess, eventually
from tests.servers.server import Server, installed

RUNS_AS: Final = "nobody"
"""The user that smtp-sink runs as when root starts it."""
BACKLOG: Final = "512"
PATH_ARGUMENT: Final = re.compile(rb"<([^>]*)>")
COUNTERS: Final = re.compile(rb"mesg=(\d+)\r")

ENOUGH_FOR_ALL_COUNTERS: Final = 256


@dataclass(frozen=True, slots=True)
class SunkMail:
    """One mail as the sink saw it; `content` has LF line ends, and no line that the sink added."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class SmtpSink(Server):
    """The sink on `port`; `options` are smtp-sink's own, such as `("-f", "RCPT")`, see its manual page."""

    def __init__(
        self, directory: Path, *, lmtp: bool = False, keep: bool = True, options: Sequence[str] = ()
    ) -> None:
        super().__init__(directory)
        self.port = free_port()
        self._output = directory / "output"
        self._kept = directory / "kept"
        self._kept.mkdir()
        give_to(RUNS_AS, self._kept)
        self._options = [*options]
        self._options += ["-L"] if lmtp else []
        self._options += ["-d", f"{self._kept}/"] if keep else []
        self._options += ["-u", RUNS_AS] if is_root() else []

    def start(self) -> None:
        where = f"inet:{self.host}:{self.port}"
        command = [str(installed("smtp-sink")), "-c", *self._options, where, BACKLOG]
        self._process = ServerProcess(command, log=self._output)
        self._process.wait_until(lambda: greets(self.port, b"220"))

    def count(self) -> int:
        """How many mails were accepted so far."""
        with self._output.open("rb") as output:
            output.seek(max(0, self._output.stat().st_size - ENOUGH_FOR_ALL_COUNTERS))
            counted = COUNTERS.findall(output.read())
        return int(counted[-1]) if counted else 0

    def wait_for(self, mails: int) -> None:
        """Returns when at least `mails` were accepted; `ServerError` if that does not happen in time."""
        if not eventually(lambda: self.count() >= mails):
            raise ServerError(f"smtp-sink accepted {self.count()} mail(s) instead of {mails}")

    def mails(self) -> list[SunkMail]:
        """The accepted mails, sorted by content, as their order is unknown. Needs `keep=True`."""
        kept = (_parsed(path.read_bytes()) for path in self._kept.iterdir())
        return sorted(kept, key=lambda mail: (mail.content, mail.recipients))


def _parsed(dump: bytes) -> SunkMail:
    lines = dump.split(b"\n")
    own = next(number for number, line in enumerate(lines) if line.startswith(b"Received:"))
    envelope = lines[:own]
    received_header_lines = 3
    return SunkMail(
        sender=_paths(envelope, b"X-Mail-Args:")[0],
        recipients=tuple(_paths(envelope, b"X-Rcpt-Args:")),
        content=b"\n".join(lines[own + received_header_lines :]).removesuffix(b"\n"),
    )


def _paths(envelope: list[bytes], header: bytes) -> list[str]:
    found = [PATH_ARGUMENT.search(line) for line in envelope if line.startswith(header)]
    return [match[1].decode(errors="surrogateescape") for match in found if match]
