"""Numbers, sizes and times as operators read them."""

from __future__ import annotations

from datetime import UTC, datetime


def counted(number: int, noun: str) -> str:
    """Return "1 mail", "2 mails"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def moment(seconds: float | None) -> str | None:
    """Return a time (seconds since the epoch) as date and time of day in UTC; None for None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def minute(seconds: float) -> str:
    """Return a time (seconds since the epoch) in UTC, without its seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def octets(number: int) -> str:
    """Return a size in octets as "12 B", "1.5 KiB", "3.0 GiB"."""
    if number < 1024:
        return f"{number} B"
    size, unit = number / 1024, "KiB"
    for larger in ("MiB", "GiB"):
        if size >= 1024:
            size, unit = size / 1024, larger
    return f"{size:.1f} {unit}"
