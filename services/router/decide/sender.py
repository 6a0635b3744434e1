"""The reverse-path that a mail is delivered with.

Its last server noted it in Return-Path (RFC 5321 section 4.4), which counts only in the trusted zone. The
null sender stays null, whatever the account wants. Where the field is missing or defective the sender is
null too, or the account's: a reverse-path is never made up from From, since notices would then go to
somebody who sent nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from services.router.header.addresses import Defect, read_addresses
from services.router.header.zone import Zone
from shared.model.address import Address
from shared.model.sender import SenderKind, SenderRule
from shared.model.srs import NotRewritable

NULL_SENDER = ""
LONGEST_LOCAL = 200
"""Octets; senders that carry the recipient or another sender in their local part do not keep to 64."""


class Sender(NamedTuple):
    """The reverse-path to use, without angle brackets ("" is the null sender), and why it is that."""

    address: str
    reason: str


def choose_sender(zone: Zone, rule: SenderRule, now: float) -> Sender:
    """The sender by what the header tells and by the account's rule; `now` in seconds since the epoch."""
    noted = _return_path(zone)
    if rule.kind is SenderKind.NULL:
        return Sender(NULL_SENDER, "the account sends with the null sender")
    if rule.address is not None and (noted is None or noted.address):
        return Sender(str(rule.address), "the account's configured sender")
    if noted is None:
        return Sender(NULL_SENDER, "no Return-Path tells it")
    if rule.srs is None or noted.reverse_path is None:
        return Sender(noted.address, noted.reason)
    try:
        return Sender(str(rule.srs.forward(noted.reverse_path, now)), f"{noted.address}, rewritten by SRS")
    except NotRewritable as reason:
        return Sender(NULL_SENDER, f"{noted.address} cannot be rewritten by SRS: {reason}")


class _Noted(NamedTuple):
    """What the topmost Return-Path says."""

    reverse_path: Address | None
    reason: str

    @property
    def address(self) -> str:
        return str(self.reverse_path) if self.reverse_path else NULL_SENDER


def _return_path(zone: Zone) -> _Noted | None:
    """None where there is no Return-Path, or a defective one, which says nothing."""
    for field in zone.fields("return-path"):
        value = field.unfolded
        if b"".join(value.split()) == b"<>":
            return _Noted(None, "Return-Path is null")
        match read_addresses(value, local_limit=LONGEST_LOCAL):
            case [Address() as address]:
                return _Noted(address, "Return-Path")
            case [Defect()] | _:
                return None
    return None
