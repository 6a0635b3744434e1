"""Accounts that the database knows and the configuration does not name, as far as mail is held for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from services.cli.output import Column, Row
from shared.ports.store import AccountState, CustodySummary

UNNAMED = (
    Column("account", "Not in the configuration", whole=True),
    Column("at_source", "In its mailbox", number=True),
    Column("here", "Held here alone", number=True),
    Column("parked", "Parked", number=True),
    Column("visited", "Last visit", whole=True),
)
ADVICE = (
    "Nobody visits these accounts, and the router leaves their mail alone. Name an account again until its "
    "mail is done. Where it only has another name now, what is still in its mailbox is fetched by that name, "
    "and whoever had it is not served again within the tenant; what is held here alone waits for the old "
    "name. Parked mail can be exported, retried and discarded in any case."
)


def unnamed_rows(
    states: Mapping[str, AccountState],
    custody: Mapping[str, CustodySummary],
    parked: Mapping[str, int],
    configured: Collection[str],
) -> list[Row]:
    """A row for each account that is not `configured` and has mails in `custody` or recipients `parked`."""
    return [
        {
            "account": account,
            "at_source": custody.get(account, CustodySummary()).at_source,
            "here": custody.get(account, CustodySummary()).here,
            "parked": parked.get(account, 0),
            "visited_at": states[account].visited_at if account in states else None,
        }
        for account in sorted({*custody, *parked} - {*configured})
    ]
