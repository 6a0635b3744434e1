"""Which raw mails have to be kept."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import epoch
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction, load_messages
from shared.custody.settlement import needs_raw_mail


class SqlBlobRetention(Repository):
    """The port's `BlobRetention`."""

    async def needing_raw_mail(self, messages: Sequence[str]) -> Sequence[str]:
        """Those of `messages` whose raw mail may still be needed."""
        return await self._transactions.read(lambda transaction: _needing(transaction, messages))

    async def done_with(self, messages: Sequence[str]) -> Sequence[str]:
        """Those of `messages` that are known and whose raw mail is not needed any more."""
        return await self._transactions.read(lambda transaction: _done_with(transaction, messages))


def _needing(transaction: Transaction, messages: Sequence[str]) -> list[str]:
    """A database that was restored once has forgotten mails whose blob may be all that is left of them."""
    ids = [key(each) for each in messages]
    found = load_messages(transaction, ids)
    was_restored = transaction.connection.execute(select(epoch.c.number)).scalar_one() > 1
    unknown = set(ids) - {message.id for message in found} if was_restored else set()
    return [*unknown, *(message.id for message in found if needs_raw_mail(message))]


def _done_with(transaction: Transaction, messages: Sequence[str]) -> list[str]:
    found = load_messages(transaction, [key(each) for each in messages])
    return [message.id for message in found if not needs_raw_mail(message)]
