"""What a server says it can do (CAPABILITY; RFC 9051, section 7.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

MOST_CAPABILITIES = 500


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Names in upper case, parameters included: `AUTH=PLAIN`, `MESSAGELIMIT=1000`."""

    names: frozenset[str]

    def __contains__(self, name: str) -> bool:
        return name in self.names

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms offered, in alphabetical order."""
        return tuple(sorted(name[5:] for name in self.names if name.startswith("AUTH=")))

    @property
    def can_expunge_uids(self) -> bool:
        """Whether there is UID EXPUNGE (RFC 4315)."""
        return "UIDPLUS" in self or "IMAP4REV2" in self

    def value_of(self, name: str) -> str | None:
        """Return what is behind the `=` of a capability that comes once, as `MESSAGELIMIT`."""
        prefix = f"{name}="
        return next((each[len(prefix) :] for each in sorted(self.names) if each.startswith(prefix)), None)

    def takes_unasked(self, octets: int, most: int) -> bool:
        """Return whether a literal of so many octets may be sent unasked; `most` is LITERAL-'s bound."""
        if "LITERAL+" in self:
            return True
        return octets <= most and ("LITERAL-" in self or "IMAP4REV2" in self)


def parse_capabilities(text: bytes) -> Capabilities:
    """Read the names, separated by blanks. Raises ValueError for more than `MOST_CAPABILITIES`."""
    words = text.decode("ascii", "replace").upper().split()
    if len(words) > MOST_CAPABILITIES:
        raise ValueError(f"these are more than {MOST_CAPABILITIES} capabilities")
    return Capabilities(frozenset(words))
