"""What a POP3 server says it can do (CAPA; RFC 2449, section 5)."""

from __future__ import annotations

from shared.model.mailbox import UNKNOWN_CAPABILITIES as UNKNOWN
from shared.model.mailbox import Capabilities

__all__ = ["UNKNOWN", "Capabilities", "mechanisms", "parse_capabilities", "pipelines"]


def mechanisms(capabilities: Capabilities) -> tuple[str, ...]:
    """Return the SASL mechanisms that the server offers (RFC 5034, section 3)."""
    return capabilities.arguments.get("SASL", ())


def pipelines(capabilities: Capabilities, configured: bool | None) -> bool:
    """Return whether commands may be sent before earlier ones are answered: as configured, or, with None,
    as the server announces.
    """
    return "PIPELINING" in capabilities if configured is None else configured


def parse_capabilities(body: bytes) -> Capabilities:
    """Parse the answer to CAPA. Empty lines are skipped; a name that comes twice adds to the first."""
    arguments: dict[str, tuple[str, ...]] = {}
    for line in body.decode("ascii", "replace").upper().split("\r\n"):
        words = line.split()
        if words:
            arguments[words[0]] = arguments.get(words[0], ()) + tuple(words[1:])
    return Capabilities(arguments)
