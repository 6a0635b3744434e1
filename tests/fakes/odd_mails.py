"""Mails that no standard foresees and every mailbox has, and how SMTP carries them."""

from __future__ import annotations

MEGABYTE = 1_000_000
ODD_MAILS: dict[str, bytes] = {
    "leading-dots": b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n...\r\n\r\n.\r\n.",
    "long-line": b"Subject: long\r\n\r\n" + b"x" * 100_000 + b"\r\n",
    "no-header": b"\r\nThere is no header.\r\n",
    "bare-lf": b"Subject: bare\r\n\r\none\n.\ntwo\n\nthree\r\n",
    "empty": b"",
    "nul": b"Subject: nul\r\n\r\na\0b\0\r\n",
    "eight-bit-header": b"Subject: Gr\xfc\xdfe \xe2\x82\xac\r\n\r\nGr\xfc\xdfe\r\n",
    "one-octet": b"x",
}
"""By uid."""


def odd_mails(megabytes: int) -> dict[str, bytes]:
    """Return the odd mails by uid, with one of so many megabytes at the end."""
    huge = b"Subject: huge\r\n\r\n" + (b".huge " * 12 + b"\r\n") * (megabytes * MEGABYTE // 74)
    return {**ODD_MAILS, "megabytes": huge}


def as_carried(raw: bytes) -> bytes:
    """Return what is the same at both ends: the lines of the mail, as SMTP has only CRLF line ends."""
    return raw.replace(b"\r\n", b"\n").rstrip(b"\n")
