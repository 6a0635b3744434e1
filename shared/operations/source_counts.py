"""What the mails are that are at a source: kept there, waiting, or put aside. As `status` counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.config import Configuration
from shared.operations.context import open_context
from shared.operations.objects.naming import has_database
from shared.operations.wording import counted
from shared.ports.store import AccountCounts

__all__ = ["AccountCounts", "SourceCounts", "known_counts", "source_counts"]


@dataclass(frozen=True, slots=True)
class SourceCounts:
    """Mails at a source: `kept` ones are delivered, `waiting` ones are not done, `put_aside` ones are left
    there because of `begin`.
    """

    kept: int
    waiting: int
    put_aside: int

    def __str__(self) -> str:
        """As in "3 mails at the source: 1 waiting, 2 kept"."""
        total = f"{counted(self.kept + self.waiting + self.put_aside, 'mail')} at the source"
        parts = [f"{self.waiting} waiting", f"{self.kept} kept"]
        if self.put_aside:
            parts.append(f"{self.put_aside} put aside")
        return f"{total}: {', '.join(parts)}"


def source_counts(total: int, counts: AccountCounts) -> SourceCounts:
    """Return what `total` mails at a source are, by what the database knows of the account."""
    put_aside = min(counts.skipped, total)
    kept = min(counts.settled, total - put_aside)
    return SourceCounts(kept, total - kept - put_aside, put_aside)


async def known_counts(configuration: Configuration, accounts: Sequence[str]) -> Mapping[str, AccountCounts]:
    """Return what the database knows of these accounts; nothing where there is none yet. Raises what opening
    it raises.
    """
    if not accounts or not has_database(configuration):
        return {}
    async with open_context(configuration) as context:
        return await context.store.account_counts(accounts)
