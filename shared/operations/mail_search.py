"""Mails as one person or token may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.access import Principal
from shared.contract.journal import Entry
from shared.custody.state import Message
from shared.model.errors import Fault, MailferryError
from shared.operations.context import OperatorContext
from shared.ports.store import Parked

MOST_READ = 10_000
"""Mails that are read to find those of one owner; lost mails also for one tenant."""


class MailUnknown(MailferryError):
    """There is no such mail, or nobody who asks may know of it."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self) -> None:
        super().__init__("there is no such mail")


@dataclass(frozen=True, slots=True)
class PermittedMails:
    """The mails that `principal` may see."""

    context: OperatorContext
    principal: Principal

    async def search(self, text: str, limit: int) -> Sequence[Message]:
        """Return mails by id, Message-ID, UID or recipient, newest first."""
        found = await self.context.store.find_messages(text, self._most(limit), self.principal.tenant)
        return [each for each in found if self.principal.sees_account(each.account)][:limit]

    async def mail(self, mail: str) -> Message:
        """Return the mail with this id. Raises `MailUnknown`."""
        for message in await self.context.store.find_messages(mail, 1, self.principal.tenant):
            if message.id == mail and self.principal.sees_account(message.account):
                return message
        raise MailUnknown

    async def story(self, mail: str) -> tuple[Message, Sequence[Entry]]:
        """Return a mail and its journal. Raises `MailUnknown`."""
        message = await self.mail(mail)
        return message, await self.context.store.message_journal(message.id)

    async def parked(self, limit: int) -> Sequence[Parked]:
        """Return up to `limit` parked recipients, oldest first."""
        found = await self.context.store.parked_recipients(self._most(limit), self.principal.tenant)
        return [each for each in found if self.principal.sees_account(each.message.account)][:limit]

    async def lost(self, limit: int) -> Sequence[Message]:
        """Return mails that left their source before they were delivered, oldest first."""
        most = limit if self.principal.tenant is None else MOST_READ
        found = await self.context.store.left_behind(most)
        return [each for each in found if self.principal.sees_account(each.account)][:limit]

    def _most(self, limit: int) -> int:
        """How many mails are read: an owner sees only some of its tenant's."""
        return MOST_READ if self.principal.accounts else limit
