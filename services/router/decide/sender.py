"""The reverse-path with which a mail is delivered.

The last server notes it in Return-Path (RFC 5321 section 4.4). The field counts only in the trusted zone.
The null sender stays null, whatever the account configures. Where the field is missing or defective, the
sender is the account's, or else null. It is never made up from From: bounces would go to somebody who sent
nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from services.router.header.addresses import Defect, read_addresses
from services.router.header.zone import TrustedZone
from shared.model.address import Address
from shared.model.sender import SenderKind, SenderRule
from shared.model.srs import NotRewritable

NULL_SENDER = ""
LONGEST_LOCAL = 200
"""Octets. Senders that encode the recipient or another sender in their local part exceed 64."""


class Sender(NamedTuple):
    """The reverse-path to use, without angle brackets ("" is the null sender), and why."""

    address: str
    reason: str


def choose_sender(zone: TrustedZone, rule: SenderRule, now: float) -> Sender:
    """Return the sender by the header and the account's rule. `now` is in seconds since the epoch."""
    return_path = _return_path(zone)
    if rule.kind is SenderKind.NULL:
        return Sender(NULL_SENDER, "the account sends with the null sender")
    if rule.address is not None and (return_path is None or return_path.address):
        return Sender(str(rule.address), "the account's configured sender")
    if return_path is None:
        return Sender(NULL_SENDER, "there is no usable Return-Path")
    if rule.srs is None or return_path.reverse_path is None:
        return Sender(return_path.address, return_path.reason)
    try:
        return Sender(
            str(rule.srs.forward(return_path.reverse_path, now)), f"{return_path.address}, rewritten by SRS"
        )
    except NotRewritable as reason:
        return Sender(NULL_SENDER, f"{return_path.address} cannot be rewritten by SRS: {reason}")


class _ReturnPath(NamedTuple):
    """The topmost Return-Path: its address, or None for the null sender."""

    reverse_path: Address | None
    reason: str

    @property
    def address(self) -> str:
        return str(self.reverse_path) if self.reverse_path else NULL_SENDER


def _return_path(zone: TrustedZone) -> _ReturnPath | None:
    """Return the topmost Return-Path; None where there is none or it is defective."""
    for field in zone.fields_named("return-path"):
        value = field.unfolded
        if b"".join(value.split()) == b"<>":
            return _ReturnPath(None, "Return-Path is null")
        match read_addresses(value, local_limit=LONGEST_LOCAL):
            case [Address() as address]:
                return _ReturnPath(address, "Return-Path")
            case [Defect()] | _:
                return None
    return None
