"""The letters of the demo: mails, with what has to become of each."""

from __future__ import annotations

from dataclasses import dataclass

from services.standalone.demo.people import CATCH_ALL

CRLF = "\r\n"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail at the source, in `mailbox` under `uid`, and what has to happen to it.

    It has to be `delivered` to these addresses, each exactly once, and `parked` for those, "" where no
    recipient is known. Letters with the same `original` are copies of one mail: each address gets one of
    them, no matter which.
    """

    uid: str
    mailbox: str
    title: str
    raw: bytes
    delivered: tuple[str, ...] = ()
    parked: tuple[str, ...] = ()
    original: str = ""

    @property
    def copies_of(self) -> str:
        """The name of the mail that this is a copy of; its own name if it is the only one."""
        return self.original or f"{self.mailbox}/{self.uid}"


def written(
    *fields: str, text: str = "Kind regards", sender: str | None = "news@elsewhere.example", subject: str = ""
) -> bytes:
    """Return a mail with these header fields; with `sender`, the usual ones are added."""
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
    """Return a Message-ID field."""
    return f"Message-ID: <{name}@elsewhere.example>"


def letter(uid: str, title: str, delivered: tuple[str, ...], *fields: str) -> Letter:
    """Return a letter in the catch-all mailbox."""
    return Letter(uid, CATCH_ALL, title, written(*fields, identified(uid), subject=uid.title()), delivered)


def at_the_target(raw: bytes, recipient: str) -> bytes:
    """Return what has to arrive of a letter for `recipient`, below our own header fields.

    That is all of it, with CRLF line ends, without Return-Path and without a Delivered-To right below it that
    names the recipient. An mbox "From " line becomes a field.
    """
    crlf = CRLF.encode()
    lines = raw.replace(crlf, b"\n").replace(b"\n", crlf)
    if lines.startswith(b"From "):
        mbox_line, _, rest = lines.partition(crlf)
        return b"X-Mailbox-Line: " + mbox_line + crlf + at_the_target(rest, recipient)
    for dropped in (b"return-path:", f"delivered-to: {recipient}".lower().encode()):
        first, _, rest = lines.partition(crlf)
        if first.lower().startswith(dropped):
            lines = rest
    return lines if not lines or lines.endswith(crlf) else lines + crlf
