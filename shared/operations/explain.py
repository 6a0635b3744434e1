"""Explains who would get mails: raw ones, or those that are in a mailbox now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.model.account import Account
from shared.model.mailbox import INBOX, Listed, folder_name
from shared.model.source_errors import SourceRefused
from shared.operations.existence import look_up
from shared.operations.explanation import ExplainMail, Explanation
from shared.operations.mailboxes import OpenMailbox, operator_timeouts
from shared.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class MailboxExplanation:
    """The oldest mails of a mailbox, of `seen` that were looked at and `total` that are there.

    `problems` are the listing's. `refusals` say why the server did not show some headers.
    """

    mails: Sequence[Explanation]
    seen: int
    total: int
    problems: Sequence[str]
    refusals: Sequence[str]


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains mails of one account by the router's rules (`explain_mail`).

    With `asks_directory`, the account's directory (its list, or its target) is asked who exists.
    """

    configuration: Configuration
    account: Account
    explain_mail: ExplainMail
    asks_directory: bool = False
    clock: Clock = field(default_factory=SystemClock)

    async def explain_mails(self, raws: Sequence[bytes], folder: str = INBOX.folder) -> list[Explanation]:
        """Explain these raw mails, or mails that begin with these headers, as read from a source folder."""
        return await self._explain([(raw, folder_name(folder)) for raw in raws])

    async def explain_mailbox(self, limit: int, open_mailbox: OpenMailbox) -> MailboxExplanation:
        """Explain up to `limit` mails of the account's mailbox by their headers. Nothing is fetched, marked
        or deleted. Raises what opening the mailbox and listing it raises.
        """
        mailbox = await open_mailbox(self.account, operator_timeouts(self.account))
        headers: list[tuple[Listed, bytes]] = []
        refusals: dict[str, None] = {}
        try:
            listing = await mailbox.listing()
            entries = [*listing.entries, *listing.nameless]
            for entry in entries[:limit]:
                try:
                    headers.append((entry, await mailbox.header(entry)))
                except SourceRefused as refusal:
                    refusals[str(refusal)] = None
            await mailbox.finish()
        finally:
            await mailbox.abort()
        explained = await self._explain([(header, entry.place.folder) for entry, header in headers])
        mails = [
            replace(each, identity=None, uid=entry.uid)
            for each, (entry, _) in zip(explained, headers, strict=True)
        ]
        return MailboxExplanation(
            mails, min(limit, len(entries)), len(entries), [*listing.problems], list(refusals)
        )

    async def _explain(self, mails: Sequence[tuple[bytes, str]]) -> list[Explanation]:
        """Explain mails, each with its source folder."""
        now = self.clock.now()
        explained = [self.explain_mail(raw, self.account, now, {}, folder) for raw, folder in mails]
        if not self.asks_directory:
            return explained
        addresses = dict.fromkeys(address for each in explained for address in each.checkable)
        findings = await look_up(self.configuration, self.account, list(addresses))
        return [self.explain_mail(raw, self.account, now, findings, folder) for raw, folder in mails]
