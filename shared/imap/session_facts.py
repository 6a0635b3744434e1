"""What the server told of itself on this connection."""

from __future__ import annotations

from shared.imap.capabilities import Capabilities

ENABLED = frozenset({"UTF8=ACCEPT", "UIDONLY", "CONDSTORE", "QRESYNC"})
"""The extensions whose ENABLED means something to us."""


class SessionFacts:
    """`capabilities` is None where they are not known for the connection as it is now."""

    def __init__(self) -> None:
        self.capabilities: Capabilities | None = None
        self.enabled: frozenset[str] = frozenset()

    def forget(self) -> None:
        """Forget everything: somebody else may have said it."""
        self.capabilities = None
        self.enabled = frozenset()
