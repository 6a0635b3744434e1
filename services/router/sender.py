"""The reverse-path of a mail, as its last server noted it in Return-Path (RFC 5321 section 4.4).

The null sender stays null. Where the field is missing or defective the sender is null too: a reverse-path is
never made up from From, since notices would then go to somebody who sent nothing.
"""

from __future__ import annotations

from services.router.addresses import read_addresses
from services.router.header import Header
from shared.model.address import Address

NULL_SENDER = ""


def reverse_path(header: Header) -> str:
    """The address in the topmost Return-Path, without angle brackets; "" is the null sender."""
    match read_addresses(header.first("return-path")):
        case [Address() as address]:
            return str(address)
        case _:
            return NULL_SENDER
