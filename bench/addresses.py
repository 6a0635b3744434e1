"""`python -m bench.addresses`: our address lists beside `email.utils.getaddresses`, on real mails.

Every field of the corpus that holds addresses is read by both. What only one of them finds is printed, so
that it can be judged; then the CPU time for all of them, and for some hostile lists of two sizes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from email.utils import getaddresses

from services.router.header.addresses import read_addresses
from services.router.header.fields import read_header
from shared.model.address import Address, DefectiveAddress, parse_address
from tests.fakes.mails import CORPUS

NAMES = frozenset(
    {
        *("from", "sender", "reply-to", "to", "cc", "bcc", "return-path", "delivered-to", "x-original-to"),
        *("resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc", "envelope-to"),
        *("x-envelope-to", "errors-to", "disposition-notification-to"),
    }
)
HOSTILE = {"<": b"<", "(": b"(", '"': b'"', "comments": b"(a) ", "a@b, ": b"a@b.example, "}
SIZES = (20_000, 200_000)
ROUNDS = 20


def main() -> None:
    """Print the comparison."""
    fields = list(_fields())
    if not fields:
        sys.exit(f"the corpus of real mails is not at {CORPUS}")
    same, only_ours, only_theirs = 0, 0, 0
    for name, value in fields:
        ours, theirs = _ours(value), _theirs(value)
        same += ours == theirs
        only_ours += len(ours - theirs)
        only_theirs += len(theirs - ours)
        if ours != theirs:
            print(f"{name}: {value[:160]!r}")
            print(f"    only ours {sorted(ours - theirs)}, only theirs {sorted(theirs - ours)}")
    print(f"\n{len(fields)} fields, {same} alike")
    print(f"addresses found by us only: {only_ours}, by them only: {only_theirs}")
    print(
        f"CPU time of a field: ours {_timed(_ours, fields):.1f} µs, theirs {_timed(_theirs, fields):.1f} µs"
    )
    for name, piece in HOSTILE.items():
        for size in SIZES:
            value = piece * (size // len(piece))
            times = f"ours {_once(_ours, value):.3f} s, theirs {_once(_theirs, value):.3f} s"
            print(f"{name} of {size} octets: {times}")


def _fields() -> Iterator[tuple[str, bytes]]:
    for path in sorted(CORPUS.glob("*/*")):
        if path.suffix in {".eml", ".msg"}:
            for field in read_header(path.read_bytes()).fields:
                if field.name in NAMES:
                    yield field.name, field.value


def _ours(value: bytes) -> set[str]:
    return {str(each) for each in read_addresses(value) if isinstance(each, Address)}


def _theirs(value: bytes) -> set[str]:
    """The addresses of the standard library, marked if an envelope cannot carry them."""
    text = value.decode("utf-8", "surrogateescape").replace("\r", "").replace("\n", "")
    try:
        found = [address for _, address in getaddresses([text]) if address]
    except (IndexError, LookupError, RecursionError, TypeError, ValueError) as error:
        return {f"raises {type(error).__name__}"}
    return {_envelope(each) for each in found}


def _envelope(text: str) -> str:
    try:
        return str(parse_address(text))
    except DefectiveAddress:
        return f"{text} (unusable)"


def _timed(read: Callable[[bytes], object], fields: list[tuple[str, bytes]]) -> float:
    """Microseconds of CPU time for a field."""
    started = time.process_time()
    for _ in range(ROUNDS):
        for _, value in fields:
            read(value)
    return (time.process_time() - started) / ROUNDS / len(fields) * 1e6


def _once(read: Callable[[bytes], object], value: bytes) -> float:
    started = time.process_time()
    read(value)
    return time.process_time() - started


if __name__ == "__main__":
    main()
