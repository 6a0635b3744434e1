"""What a server says it can do (CAPA; RFC 2449, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Names and parameters in upper case.

    `known` is False where the server does not know CAPA: then a missing name means nothing.
    """

    arguments: Mapping[str, tuple[str, ...]]
    known: bool = True

    def __contains__(self, name: str) -> bool:
        return name in self.arguments

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms offered (RFC 5034, section 3)."""
        return self.arguments.get("SASL", ())

    def pipelines(self, wanted: bool | None) -> bool:
        """Whether commands may run ahead of their answers: as the operator says, or (None) the server."""
        return "PIPELINING" in self if wanted is None else wanted


UNKNOWN = Capabilities({}, known=False)


def parse_capabilities(body: bytes) -> Capabilities:
    """The answer to CAPA; lines that say nothing are skipped, a name that comes twice adds to the first."""
    arguments: dict[str, tuple[str, ...]] = {}
    for line in body.decode("ascii", "replace").upper().split("\r\n"):
        words = line.split()
        if words:
            arguments[words[0]] = arguments.get(words[0], ()) + tuple(words[1:])
    return Capabilities(arguments)
