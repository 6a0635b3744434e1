"""Decides which senders are notified that their mail failed. Pure. If in doubt, none: a needless one is spam.

Never the null sender, a mailing list, or a program (RFC 3464 section 2, RFC 3834 section 2); never about a
mail that was parked by Mailferry rather than refused by its target.
"""

from __future__ import annotations

from email.errors import MessageError
from email.parser import BytesHeaderParser

from shared.model.address import DefectiveAddress, parse_address
from shared.ports.store import Parked

AUTOMATIC = frozenset({"bulk", "list", "junk", "auto_reply"})
LIST_FIELDS = (
    "List-Id",
    "List-Unsubscribe",
    "List-Post",
    "List-Help",
    "Mailing-List",
    "X-Loop",
    "X-Mailferry-ID",
)
ROLES = ("mailer-daemon", "owner-", "postmaster", "listserv", "majordomo", "noreply", "no-reply", "bounce")


def sender_to_notify(header: bytes) -> str | None:
    """Return the sender to notify, from the Return-Path that the provider added on top; None: nobody."""
    try:
        fields = BytesHeaderParser().parsebytes(header)
        paths = [str(value).strip() for value in fields.get_all("Return-Path", [])]
        submitted = str(fields.get("Auto-Submitted", "no")).strip().lower()
        precedence = str(fields.get("Precedence", "")).strip().lower()
        kind = fields.get_content_type()
        is_list = any(field in fields for field in LIST_FIELDS)
    except (MessageError, ValueError, LookupError, TypeError):
        return None
    automatic = submitted.partition(";")[0].strip() != "no" or precedence in AUTOMATIC
    if is_list or automatic or kind in ("multipart/report", "message/delivery-status") or not paths:
        return None
    return _address(paths[0])


def was_attempted(parked: Parked) -> bool:
    """Whether the target refused this recipient, or delivery was given up."""
    return parked.recipient.attempt > 0 and bool(parked.recipient.address)


def _address(path: str) -> str | None:
    if not (path.startswith("<") and path.endswith(">")) or path == "<>":
        return None
    try:
        address = parse_address(path[1:-1])
    except DefectiveAddress:
        return None
    return None if str(address).lower().startswith(ROLES) or not str(address).isascii() else str(address)
