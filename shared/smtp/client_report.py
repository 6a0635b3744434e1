"""The client that a mail came from, for targets that trust us to tell it."""

from __future__ import annotations

from dataclasses import dataclass

XCLIENT, XFORWARD = "XCLIENT", "XFORWARD"


@dataclass(frozen=True, slots=True)
class ReportedClient:
    """The client as the provider's servers noted it: host name, IP address, and what it called itself; "" for
    what is not known. `by`: XCLIENT or XFORWARD.
    """

    by: str
    name: str = ""
    address: str = ""
    helo: str = ""
