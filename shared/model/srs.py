"""The Sender Rewriting Scheme (SRS), Guarded form: rewrites senders so that forwarding does not break SPF.

    anna@sender.example                        becomes  SRS0=HHHH=TT=sender.example=anna@our.example
    SRS0=hhhh=tt=x.example=y@sender.example    becomes
    SRS1=HHHH=sender.example==hhhh=tt=x.example=y@our.example

HHHH are the first four characters of the base64 of an HMAC-SHA1 over the lower-cased rest. TT is the day in
base 32, modulo 1024. The other implementations in use make and accept the same addresses.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import SecretStr

from shared.model.address import Address, DefectiveAddress, checked_domain, is_dot_atom

HASH_LENGTH = 4
DAY = 86_400
DAY_CYCLE = 1024
LIFETIME = 21
"""Days after which an address is no longer reversed; bounces come within about five."""
PATH_LIMIT = 254
"""Octets of an address (RFC 5321 section 4.5.3.1.3). Local parts become longer than section 4.5.3.1.1 allows,
as with all implementations of SRS; servers accept them."""
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SRS0, SRS1 = "srs0", "srs1"
SEPARATORS = "=+-"


class NotRewritable(ValueError):
    """The address cannot be rewritten, or not be reversed; the message says why."""


class _TaggedLocal(NamedTuple):
    """A local part: the SRS tag in lower case, and the rest with its separator; without a tag, "" and all."""

    tag: str
    rest: str


@dataclass(frozen=True, slots=True)
class Srs:
    """Rewrites senders to addresses of `domain`; the first key signs, all keys are accepted."""

    domain: str
    keys: tuple[SecretStr, ...] = field(repr=False)

    def forward(self, sender: Address, now: float) -> Address:
        """Return the rewritten sender; one of our domain is returned as it is.

        `now` in seconds since the epoch. Raises `NotRewritable`.
        """
        if sender.domain == self.domain:
            return sender
        if not is_dot_atom(sender.local):
            raise NotRewritable("its local part is a quoted string")
        tagged = _split_tag(sender.local)
        if tagged.tag == SRS1 and len(parts := tagged.rest[1:].split("=", 2)) == 3 and parts[1]:
            local = self._srs1(parts[1], parts[2])
        elif tagged.tag == SRS0:
            local = self._srs1(sender.domain, tagged.rest)
        else:
            day = _day(now)
            local = (
                f"SRS0={self._hash(day, sender.domain, sender.local)}={day}={sender.domain}={sender.local}"
            )
        rewritten = Address(local, self.domain)
        if len(str(rewritten).encode()) > PATH_LIMIT:
            raise NotRewritable("it would become too long")
        return rewritten

    def reverse(self, rewritten: Address, now: float) -> Address:
        """Return the sender that `rewritten` was made from. Raises `NotRewritable`."""
        if rewritten.domain != self.domain:
            raise NotRewritable(f"its domain is not {self.domain}")
        match _split_tag(rewritten.local):
            case _TaggedLocal("srs0", rest):
                return self._reverse_srs0(rest, now)
            case _TaggedLocal("srs1", rest):
                return self._reverse_srs1(rest)
        raise NotRewritable("its local part begins neither with SRS0 nor with SRS1")

    def _reverse_srs0(self, rest: str, now: float) -> Address:
        parts = rest[1:].split("=", 3)
        if len(parts) != 4 or not all(parts):
            raise NotRewritable("it lacks hash, day, domain or local part")
        given, day, domain, local = parts
        self._check_hash(given, day, domain, local)
        if not _is_fresh(day, now):
            raise NotRewritable(f"it is older than {LIFETIME} days, or not of our time")
        return _address(local, domain)

    def _reverse_srs1(self, rest: str) -> Address:
        parts = rest[1:].split("=", 2)
        if len(parts) != 3 or not all(parts) or parts[2][0] not in SEPARATORS:
            raise NotRewritable("it lacks hash, domain or local part")
        given, domain, local = parts
        self._check_hash(given, domain, local)
        return _address("SRS0" + local, domain)

    def _srs1(self, host: str, rest: str) -> str:
        return f"SRS1={self._hash(host, rest)}={host}={rest}"

    def _hash(self, *parts: str) -> str:
        return _hash(self.keys[0], parts)

    def _check_hash(self, given: str, *parts: str) -> None:
        """Raise `NotRewritable` if the hash is wrong; case is ignored, as some servers change it."""
        folded = given.lower().encode()
        good = [hmac.compare_digest(_hash(key, parts).lower().encode(), folded) for key in self.keys]
        if not any(good):
            raise NotRewritable("its hash is not of our making")


def _hash(key: SecretStr, parts: tuple[str, ...]) -> str:
    text = "".join(parts).lower().encode()
    digest = hmac.new(key.get_secret_value().encode(), text, hashlib.sha1).digest()
    return base64.b64encode(digest)[:HASH_LENGTH].decode("ascii")


def _split_tag(local: str) -> _TaggedLocal:
    tag, rest = local[:4].lower(), local[4:]
    is_ours = tag in (SRS0, SRS1) and rest[:1] in tuple(SEPARATORS)
    return _TaggedLocal(tag, rest) if is_ours else _TaggedLocal("", local)


def _day(now: float) -> str:
    number = int(now // DAY) % DAY_CYCLE
    return DIGITS[number >> 5] + DIGITS[number & 31]


def _is_fresh(day: str, now: float) -> bool:
    """Whether the day is at most `LIFETIME` days ago; day numbers wrap around."""
    try:
        high, low = (DIGITS.index(digit) for digit in day.upper())
    except ValueError:
        return False
    age = (int(now // DAY) - (high << 5 | low)) % DAY_CYCLE
    return age <= LIFETIME


def _address(local: str, domain: str) -> Address:
    """Return the checked address; its local part may be longer than in other addresses."""
    try:
        if not is_dot_atom(local):
            raise NotRewritable("what it was made from is no address")
        return Address(local, checked_domain(domain))
    except DefectiveAddress as defect:
        raise NotRewritable(f"what it was made from is no address: {defect}") from None
