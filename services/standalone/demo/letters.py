"""The demonstration's mails as values: what each one is, and what is to become of it."""

from __future__ import annotations

from dataclasses import dataclass

from services.standalone.demo.people import CATCH_ALL

CRLF = "\r\n"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail waiting at the source, in `mailbox` under `uid`, and what has to happen to it.

    `delivered` are the addresses that the target has to see for it, each exactly once; `parked` is what ends
    up with the operator ("" where no recipient is known at all). Letters of the same `family` are copies of
    one mail: each address gets one of them, whichever it is.
    """

    uid: str
    mailbox: str
    title: str
    raw: bytes
    delivered: tuple[str, ...] = ()
    parked: tuple[str, ...] = ()
    family: str = ""

    @property
    def kin(self) -> str:
        """The name of the family, which is its own where it has none."""
        return self.family or f"{self.mailbox}/{self.uid}"


def written(
    *fields: str, text: str = "Kind regards", sender: str | None = "news@elsewhere.example", subject: str = ""
) -> bytes:
    """A mail with these header fields; with `sender`, the usual ones are put around them."""
    lines = list(fields)
    if sender is not None:
        lines = [
            f"Return-Path: <{sender}>",
            *lines,
            f"From: Somebody <{sender or 'postmaster@elsewhere.example'}>",
        ]
        lines += ["Date: Mon, 02 Mar 2026 09:30:00 +0100", f"Subject: {subject}"]
    return (CRLF.join([*lines, "", text]) + CRLF).encode()


def identified(name: str) -> str:
    """A Message-ID field."""
    return f"Message-ID: <{name}@elsewhere.example>"


def letter(uid: str, title: str, delivered: tuple[str, ...], *fields: str) -> Letter:
    """A letter in the catch-all mailbox."""
    return Letter(uid, CATCH_ALL, title, written(*fields, identified(uid), subject=uid.title()), delivered)


def at_the_target(raw: bytes, recipient: str) -> bytes:
    """What has to arrive of a letter for `recipient` below our own lines: all of it, in whole lines, without
    Return-Path and without a Delivered-To right below it that names him; a postmark as a field.
    """
    crlf = CRLF.encode()
    lines = raw.replace(crlf, b"\n").replace(b"\n", crlf)
    if lines.startswith(b"From "):
        postmark, _, rest = lines.partition(crlf)
        return b"X-Mailbox-Line: " + postmark + crlf + at_the_target(rest, recipient)
    for dropped in (b"return-path:", f"delivered-to: {recipient}".lower().encode()):
        first, _, rest = lines.partition(crlf)
        if first.lower().startswith(dropped):
            lines = rest
    return lines if not lines or lines.endswith(crlf) else lines + crlf
