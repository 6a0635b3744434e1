"""Why a mailbox is not connected."""

from __future__ import annotations

from shared.model.errors import Fault, MailferryError


class LinkExhausted(MailferryError):
    """As many logins were tried by a link as may be."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self) -> None:
        super().__init__("too many logins were tried by this link; ask for a new one")


class ConnectRefused(MailferryError):
    """The account is not one that can be connected in this way; the sentence says why."""

    temporary = False
    fault = Fault.OPERATOR
