"""Postfix' XCLIENT and XFORWARD.

XFORWARD is for the target's log and filters; XCLIENT makes the target judge the mail as if that client had
connected to it. What is not known is said to be unavailable, so that nothing of the mail before remains.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

from shared.smtp.client_report import ReportedClient
from shared.smtp.commands import Command, Verb
from shared.smtp.paths import xtext

UNAVAILABLE = b"[UNAVAILABLE]"
LONGEST_VALUE = 255


def report(client: ReportedClient, attributes: Collection[str]) -> Command:
    """The command, with those of the `attributes` (in upper case) that the server offers."""
    values = {"NAME": _text(client.name), "ADDR": _address(client.address), "HELO": _text(client.helo)}
    words = [b"%b=%b" % (key.encode(), value) for key, value in values.items() if key in attributes]
    return Command(Verb(client.by), b" ".join([client.by.encode(), *words]) + b"\r\n")


def _text(value: str) -> bytes:
    written = xtext(value.encode("ascii", "replace"))
    return written if 0 < len(written) <= LONGEST_VALUE else UNAVAILABLE


def _address(value: str) -> bytes:
    try:
        address = ip_address(value)
    except ValueError:
        return UNAVAILABLE
    return (b"IPV6:" if address.version == 6 else b"") + str(address).encode()
