"""Which mails and which parked recipients are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.model.message import MessageStatus
from shared.ports.store.maintenance import Parked


class Scope(NamedTuple):
    """Whose mails: of one tenant or of all (None), and of these accounts or of all (empty)."""

    tenant: str | None = None
    accounts: tuple[str, ...] = ()


ANYBODY = Scope()


class MailQuery(NamedTuple):
    """Mails that match everything that is given, newest first.

    `sender` is the reverse-path. `recipient` is an address, or an address of the target (`destination`).
    `since` and `until` are seconds since the epoch of the first fetch. `before` is the id after which the
    page begins; ids are in the order of time. `text` is an id, a Message-ID (with or without angle brackets),
    a UID or a recipient.
    """

    scope: Scope = ANYBODY
    statuses: tuple[MessageStatus, ...] = ()
    sender: str = ""
    recipient: str = ""
    message_id: str = ""
    since: float | None = None
    until: float | None = None
    before: str = ""
    text: str = ""


class ParkedPlace(NamedTuple):
    """A place in the order of parked recipients: the oldest first."""

    parked_at: float
    message: str
    address: str


class ParkedQuery(NamedTuple):
    """Parked recipients that match everything that is given, oldest first.

    `code` is the beginning of the target's answer, such as `550` or `5.1.1`. `since` and `until` are the
    seconds since the epoch between which they were parked.
    """

    scope: Scope = ANYBODY
    target: str = ""
    code: str = ""
    recipient: str = ""
    since: float | None = None
    until: float | None = None
    after: ParkedPlace | None = None


class ParkedPage(NamedTuple):
    """Parked recipients, and the place after which more follow; None where there are no more."""

    recipients: Sequence[Parked]
    after: ParkedPlace | None
