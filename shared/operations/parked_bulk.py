"""Parked mail in bulk: all that matches a query is retried or given up, and each mail has its own result.

A mail that cannot be changed does not hold up the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.model.errors import MailferryError
from shared.model.message import RecipientStatus
from shared.model.progress import Progress, no_progress
from shared.operations.context import OperatorContext
from shared.operations.mail_search import PermittedMails
from shared.operations.parked import discard_parked, retry_parked
from shared.operations.people.members import COMMAND
from shared.ports.store import ParkedPlace, ParkedQuery, Scope

__all__ = [
    "BulkResult",
    "Discard",
    "ParkedQuery",
    "Refused",
    "Retry",
    "change_all",
    "change_chosen",
    "change_parked",
    "parked_query",
]

AT_ONCE = 200
"""Recipients that are read at a time."""
MOST = 1000
"""Recipients that one call changes: each mail is a transaction of its own, which takes milliseconds."""
STAYS = "stays parked while an identical mail is on its way there"


class Refused(NamedTuple):
    """A recipient whose mail stays as it was, and why."""

    mail: str
    address: str
    why: str


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What was changed, as (mail, address), and what was not. `after`: where to go on; None at the end."""

    changed: Sequence[tuple[str, str]]
    refused: Sequence[Refused]
    after: ParkedPlace | None


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver again; to another address or target, if one is given."""

    destination: str | None = None
    target: str | None = None

    async def apply(
        self, context: OperatorContext, mail: str, addresses: Sequence[str]
    ) -> tuple[Sequence[str], Sequence[str]]:
        """Return the addresses that are to be delivered to, and those that stay parked."""
        retried = await retry_parked(
            context, mail, addresses, destination=self.destination, target=self.target
        )
        stay = [each.address for each in retried if each.status is RecipientStatus.PARKED]
        return [each.address for each in retried if each.address not in stay], stay


@dataclass(frozen=True, slots=True)
class Discard:
    """Give up."""

    async def apply(
        self, context: OperatorContext, mail: str, addresses: Sequence[str]
    ) -> tuple[Sequence[str], Sequence[str]]:
        """Return the addresses that were given up, and none."""
        return await discard_parked(context, mail, addresses), []


def parked_query(
    *,
    account: str | None = None,
    tenant: str | None = None,
    target: str | None = None,
    code: str | None = None,
    until: float | None = None,
) -> ParkedQuery:
    """Return the query for what matches all that is given; `until` in seconds since the epoch."""
    scope = Scope(tenant, () if account is None else (account,))
    return ParkedQuery(scope, target or "", code or "", until=until)


async def change_parked(
    mails: PermittedMails, query: ParkedQuery, change: Retry | Discard, most: int = MOST
) -> BulkResult:
    """Change up to `most` parked recipients that match the query, oldest first.

    Each is looked at once, so what stays parked is not tried again in the same call.
    """
    changed: list[tuple[str, str]] = []
    refused: list[Refused] = []
    after = query.after
    while (left := most - len(changed) - len(refused)) > 0:
        page = await mails.parked(query._replace(after=after), min(AT_ONCE, left))
        those = [(each.message.id, each.recipient.address) for each in page.recipients]
        part = await change_chosen(mails, those, change)
        changed += part.changed
        refused += part.refused
        after = page.after
        if after is None:
            break
    return BulkResult(changed, refused, after)


async def change_chosen(
    mails: PermittedMails, chosen: Sequence[tuple[str, str]], change: Retry | Discard
) -> BulkResult:
    """Change these parked recipients, given as (mail, address), as far as they may be seen."""
    changed: list[tuple[str, str]] = []
    refused: list[Refused] = []
    addresses: dict[str, list[str]] = defaultdict(list)
    for mail, address in chosen[:MOST]:
        addresses[mail].append(address)
    for mail, those in addresses.items():
        try:
            await mails.mail(mail)
            done, stay = await change.apply(mails.context, mail, those)
        except MailferryError as error:
            refused += [Refused(mail, each, str(error)) for each in those]
            continue
        changed += [(mail, each) for each in done]
        refused += [Refused(mail, each, STAYS) for each in stay]
    return BulkResult(changed, refused, None)


async def change_all(
    context: OperatorContext,
    query: ParkedQuery,
    change: Retry | Discard,
    progress: Progress = no_progress,
) -> BulkResult:
    """Change all parked recipients that match the query, as whoever may use the command line."""
    mails = PermittedMails(context, COMMAND)
    total = await context.store.parked_count(query)
    result = BulkResult([], [], query.after)
    while True:
        more = await change_parked(mails, query._replace(after=result.after), change, AT_ONCE)
        result = BulkResult([*result.changed, *more.changed], [*result.refused, *more.refused], more.after)
        done = len(result.changed) + len(result.refused)
        progress("Recipients looked at", done, max(done, total))
        if result.after is None:
            return result
