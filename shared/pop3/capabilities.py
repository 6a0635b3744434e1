"""What a POP3 server says it can do: the answers to CAPA (RFC 2449, section 5) and to a bare AUTH, and the
timestamp in its greeting.
"""

from __future__ import annotations

import re

from shared.model.mailbox import Capabilities

_TIMESTAMP = re.compile(rb"<[!-;=?-~]{1,250}@[!-;=?-~]{1,250}>")
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")


def parse_capabilities(body: bytes) -> Capabilities:
    """Parse the answer to CAPA. Empty lines are skipped; a name that comes twice adds to the first."""
    arguments: dict[str, tuple[str, ...]] = {}
    for line in body.decode("ascii", "replace").upper().split("\r\n"):
        words = line.split()
        if words:
            arguments[words[0]] = arguments.get(words[0], ()) + tuple(words[1:])
    return Capabilities(arguments)


def mechanisms(capabilities: Capabilities) -> tuple[str, ...]:
    """Return the SASL mechanisms that the server offers (RFC 5034, section 3)."""
    return capabilities.arguments.get("SASL", ())


def pipelines(capabilities: Capabilities, configured: bool | None) -> bool:
    """Return whether commands may be sent before earlier ones are answered: as configured, or, with None,
    as the server announces.
    """
    return "PIPELINING" in capabilities if configured is None else configured


def parse_mechanisms(body: bytes) -> tuple[str, ...]:
    """Parse the answer to a bare AUTH: one mechanism a line. Lines that are no name are skipped."""
    lines = body.decode("ascii", "replace").upper().split("\r\n")
    return tuple(line.strip() for line in lines if _MECHANISM.fullmatch(line.strip()))


def timestamp(greeting: bytes) -> bytes:
    """Return the timestamp of a greeting with its angle brackets (RFC 1939, section 7), or b"".

    It must be a message-id of visible ASCII: others help to find the password out (CVE-2007-1558).
    """
    found = _TIMESTAMP.search(greeting)
    return found[0] if found else b""
