"""The mails of the simulation. Each has a tag of its own; copies of one mail share their identity."""

from __future__ import annotations

from typing import NamedTuple

DOMAIN = "corp.example"
POSTMASTER = f"postmaster@{DOMAIN}"


class Mail(NamedTuple):
    """A mail for the recipients `wanted`. Copies of one mail share `identity` and differ in `tag`."""

    tag: str
    identity: str
    wanted: tuple[str, ...]
    raw: bytes


def make_mail(tag: str, identity: str, *people: str, octets: int = 0) -> Mail:
    """Make a mail for these local parts. Without any, it is for an address of another domain."""
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
    return Mail(tag, identity, wanted, "\r\n".join(lines).encode())


def alarm(tag: str, transmission: str, time: str, *people: str) -> Mail:
    """Make a mail of a device that gives all its mails one Message-ID and no Date. Copies of one
    `transmission` came at about the same `time`.
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
    return Mail(tag, transmission, wanted, "\r\n".join(lines).encode())
