"""Who would get a mail, and why: what the router says of one mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.model.account import Account
from shared.model.mailbox import INBOX
from shared.ports.directory import LookupResult


@dataclass(frozen=True, slots=True)
class FoundRecipient:
    """A recipient: the `address` to deliver to, and the `original` it was found as, "" for the postmaster."""

    address: str
    original: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnusedValue:
    """What the header says and the router does not use."""

    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrustedLines:
    """How far the Received lines are trusted: `trusted` of `total`, by these `hosts` ("" where a line names
    none). Without `is_vouched` there is no Received line at all.
    """

    trusted: int
    total: int
    hosts: Sequence[str]
    is_vouched: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """One mail, as the router sees it.

    `folder` is the source folder that it is in. `evidence_class` counts from 0, the configured recipient of
    the folder or of a single-user mailbox, to 5, nothing;
    `evidence` says it in words, `field` and `value` are the header fields that decided. `passed_over` is
    evidence that did not decide, and unless the mail is a loop `rejected` begins with it. `checkable` are the
    recipients whose existence matters. `loop` says why the mail is taken for one that goes in circles.
    `identity` is how duplicates are recognised; None where only the header was read. `uid` names the mail in
    a mailbox.
    """

    account: str
    target: str
    message_id: str
    identity: str | None
    sender: str
    sender_reason: str
    trusted_lines: TrustedLines
    passed_over: Sequence[UnusedValue]
    evidence_class: int
    evidence: str
    field: str
    value: str
    confidence: str
    is_list_mail: bool
    recipients: Sequence[FoundRecipient]
    checkable: Sequence[str]
    rejected: Sequence[UnusedValue]
    park_reason: str | None
    loop: str | None
    uid: str | None = None
    folder: str = INBOX.folder


class ExplainMail(Protocol):
    """The router's rules, applied to one mail; never raises."""

    def __call__(
        self, raw: bytes, account: Account, now: float, lookups: Mapping[str, LookupResult], folder: str
    ) -> Explanation:
        """Explain the mail `raw`, or the header that it begins with, as read from the source folder `folder`.

        `lookups`: who exists, as far as that was asked. `now` is in seconds since the epoch.
        """
        ...
