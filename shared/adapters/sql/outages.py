"""Targets that cannot be reached: a handful of rows, written when one breaks down and while it is away."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from shared.adapters.sql.repository import Repository
from shared.adapters.sql.tables import outages
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction
from shared.ports.store import Outage
from shared.ports.store.outages import LONGEST_REPORT


class SqlOutages(Repository):
    """The port's `Outages`."""

    async def report_outages(self, outages: Sequence[Outage]) -> None:
        """Note these, in place of earlier reports about their targets."""
        await self._transactions.write(_report, outages)

    async def end_outages(self, targets: Sequence[str]) -> None:
        """These targets were reached."""
        await self._transactions.write(_end, targets)

    async def outages(self, now: float) -> Sequence[Outage]:
        """The reports that hold now, by target."""
        return await self._transactions.read(lambda transaction: _outages(transaction, now))


def _report(transaction: Transaction, reports: Sequence[Outage]) -> None:
    rows = sorted((key(each.target), each.since, each.until, key(each.reason)) for each in reports)
    transaction.bulk.put(transaction.connection, outages, rows)


def _end(transaction: Transaction, targets: Sequence[str]) -> None:
    transaction.connection.execute(
        delete(outages).where(outages.c.target.in_([key(each) for each in targets]))
    )


def _outages(transaction: Transaction, now: float) -> list[Outage]:
    until = outages.c.until
    holding = select(outages).where(until > now, until <= now + LONGEST_REPORT).order_by(outages.c.target)
    return [Outage(*row) for row in transaction.connection.execute(holding)]
