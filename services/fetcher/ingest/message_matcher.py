"""Which mail it is that was read: a new one, one that is fetched again, or one that is known by its content.

What that shows about mails known before (other keys, and other mails under their keys) is kept until the
ledger is corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from services.fetcher.decide.choice import Wanted
from services.fetcher.decide.content_index import ContentIndex, is_by_content, is_provisional
from services.fetcher.decide.fingerprint import Fingerprint
from services.fetcher.decide.plan import REPLACED
from shared.custody.commands import NewPlace
from shared.model.account import Account, Dedup
from shared.model.mailbox import Listed
from shared.ports.store import LedgerRow


class Corrections(NamedTuple):
    """Mails that have other keys now, and mails (with the reason) whose key belongs to another mail now."""

    moved: list[NewPlace]
    replaced: dict[str, str]


class MessageMatcher:
    """Matches the mails that one visit wants, given by their numbers. `content_index` knows the mails that
    the listing does not name; those of them that were read are `recognised`.
    """

    def __init__(self, account: Account, wanted: Mapping[int, Wanted], content_index: ContentIndex) -> None:
        keeps = account.retention.leaves_a_copy or account.routing.dedup is Dedup.OFF
        self._needs_content = keeps or any(is_provisional(each.key) for each in wanted.values())
        self._wanted = wanted
        self._content_index = content_index
        self._corrections = Corrections([], {})
        self.recognised: dict[str, tuple[Listed, LedgerRow]] = {}

    def new_fingerprint(self) -> Fingerprint:
        """Return a fingerprint for the octets of the next mail."""
        return Fingerprint(with_content=self._needs_content or bool(self._content_index))

    def planned(self, entry: Listed) -> Wanted:
        """Return what was known of a mail before it was read."""
        return self._wanted[entry.number]

    def match(self, entry: Listed, fingerprint: Fingerprint) -> Wanted | None:
        """Return which mail was read; None for one that is known and need not be entered again."""
        wanted, content = self._wanted[entry.number], fingerprint.content
        if wanted.known is not None:
            return self._same_or_new(wanted, wanted.known, fingerprint)
        without_uid = is_provisional(wanted.key)
        row = self._content_index.take(fingerprint, without_uid=without_uid) if content else None
        key = wanted.key
        if without_uid:
            uid = row.key.uid if row and is_by_content(row.key) else self._content_index.new_uid(content)
            key = wanted.key._replace(uid=uid)
        if row is None:
            return Wanted(entry, key)
        if row.key != key:
            self._corrections.moved.append(NewPlace(row.message, key, entry.size))
        if self._content_index.may_come_back(row):
            self.recognised[row.message] = (entry, row)
            return None
        return Wanted(entry, key, row)

    def take_corrections(self) -> Corrections:
        """Return the corrections since the last call."""
        corrections, self._corrections = self._corrections, Corrections([], {})
        return corrections

    def _same_or_new(self, wanted: Wanted, known: LedgerRow, fingerprint: Fingerprint) -> Wanted:
        """Return the mail that was known, unless another one has its UID now."""
        if not known.header or known.header == fingerprint.header:
            return wanted
        self._corrections.replaced[known.message] = REPLACED
        return Wanted(wanted.entry, wanted.key)
