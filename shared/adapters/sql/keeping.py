"""Which raw mails have to be kept."""

from __future__ import annotations

from collections.abc import Sequence

from shared.adapters.sql.part import Part
from shared.adapters.sql.text import key
from shared.adapters.sql.work import load_messages
from shared.custody.settlement import needs_raw_mail


class SqlKeeping(Part):
    """The port's `Keeping`."""

    async def needing_raw_mail(self, messages: Sequence[str]) -> Sequence[str]:
        """Those of `messages` whose raw mail may still be needed."""
        ids = [key(each) for each in messages]
        found = await self._transactions.read(lambda transaction: load_messages(transaction, ids))
        return [message.id for message in found if needs_raw_mail(message)]
