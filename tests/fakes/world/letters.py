"""The mails of the small world: each has its own tag; copies of one mail share its identity."""

from __future__ import annotations

from typing import NamedTuple

DOMAIN = "corp.example"
POSTMASTER = f"postmaster@{DOMAIN}"


class Letter(NamedTuple):
    """A mail for `wanted`; copies of one mail share `identity` and differ in `tag`."""

    tag: str
    identity: str
    wanted: tuple[str, ...]
    raw: bytes


def letter(tag: str, identity: str, *people: str, octets: int = 0) -> Letter:
    """Return a mail for these people (local parts), or else for an address in another domain."""
    wanted = tuple(f"{each}@{DOMAIN}" for each in people)
    lines = (
        f"X-Original-To: {', '.join(wanted) or 'somebody@elsewhere.example'}",
        f"X-Tag: {tag}",
        f"Message-ID: <{identity}@tags.example>",
        "Date: Mon, 02 Mar 2026 09:30:00 +0100",
        "From: sender@elsewhere.example",
        "",
        f"This is {identity}.",
        "x" * octets,
        "",
    )
    return Letter(tag, identity, wanted, "\r\n".join(lines).encode())


def alarm(tag: str, transmission: str, time: str, *people: str) -> Letter:
    """Return a mail from a device that uses one Message-ID for all its mails, and no Date.

    Copies of one `transmission` arrive at about the same `time`.
    """
    wanted = tuple(f"{each}@{DOMAIN}" for each in people)
    lines = (
        f"X-Original-To: {', '.join(wanted)}",
        f"X-Tag: {tag}",
        f"Received: from device.example ([192.0.2.7]) by mx.isp.example id {tag}; 2 Nov 2026 {time} +0000",
        "Message-ID: <alarm@device.example>",
        "From: device@device.example",
        "",
        "Door open",
        "",
    )
    return Letter(tag, transmission, wanted, "\r\n".join(lines).encode())
