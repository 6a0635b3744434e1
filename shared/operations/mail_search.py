"""Mails as one person or token may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.access import Principal, Role
from shared.contract.journal import Entry
from shared.custody.state import Message
from shared.model.errors import Fault, MailferryError
from shared.operations.context import OperatorContext
from shared.ports.store import MailQuery, ParkedPage, ParkedQuery, Scope
from shared.ports.store.mails import ANYBODY


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

    async def page(self, query: MailQuery, limit: int) -> Sequence[Message]:
        """Return up to `limit` mails that match the query, newest first."""
        scope = self.scope(query.scope)
        return [] if scope is None else await self.context.store.mail_page(query._replace(scope=scope), limit)

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

    async def parked(self, query: ParkedQuery, limit: int) -> ParkedPage:
        """Return up to `limit` parked recipients that match the query, oldest first."""
        scope = self.scope(query.scope)
        if scope is None:
            return ParkedPage((), None)
        return await self.context.store.parked_page(query._replace(scope=scope), limit)

    async def parked_count(self, query: ParkedQuery) -> int:
        """Return how many parked recipients match the query."""
        scope = self.scope(query.scope)
        return 0 if scope is None else await self.context.store.parked_count(query._replace(scope=scope))

    async def lost(self, limit: int, after: str = "") -> Sequence[Message]:
        """Return mails that left their source before they were delivered, oldest first; those after an id."""
        scope = self.scope(ANYBODY)
        return [] if scope is None else await self.context.store.left_behind(limit, scope, after)

    def scope(self, wanted: Scope) -> Scope | None:
        """Return what of the wanted scope the principal sees; None where that is nothing."""
        own = self.principal
        if own.tenant is not None and wanted.tenant not in {None, own.tenant}:
            return None
        accounts = tuple(each for each in wanted.accounts if own.sees_account(each))
        if wanted.accounts and not accounts:
            return None
        if own.role is Role.OWNER and not wanted.accounts:
            accounts = tuple(sorted(own.accounts))
            if not accounts:
                return None
        return Scope(own.tenant or wanted.tenant, accounts)
