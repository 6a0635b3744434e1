"""The state of accounts: all that is known, few columns of it, and the mails in custody for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Select, exists, func, select

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.rows import decode_read_failures
from shared.adapters.sql.tables import KEPT, READY, UNBACKED, accounts, messages, specs
from shared.adapters.sql.text import key
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.spec import Kind
from shared.ports.store import AccountState, AccountSummary, CustodySummary

ACCOUNT = accounts.c
MESSAGE = messages.c
ACCOUNTS_PER_STATEMENT = 500
_OF_STATE = (
    ACCOUNT.id.label("account"),
    ACCOUNT.enabled,
    ACCOUNT.due_at,
    ACCOUNT.lease_owner.label("leased_by"),
    ACCOUNT.lease_until,
    ACCOUNT.failures,
    ACCOUNT.problem,
    ACCOUNT.visited_at,
    ACCOUNT.succeeded_at,
    ACCOUNT.waiting,
    ACCOUNT.paused,
    ACCOUNT.method,
    ACCOUNT.host,
)
"""The fields of `AccountState` that are columns."""


def account_states(transaction: Transaction) -> list[AccountState]:
    """Return all known accounts, by name."""
    query = select(ACCOUNT.setbacks, *_OF_STATE).order_by(ACCOUNT.id)
    states = []
    for row in transaction.connection.execute(query).mappings():
        fields = dict(row)
        read_failures = decode_read_failures(fields.pop("setbacks"))
        states.append(AccountState(**fields, read_failures=read_failures))
    return states


def account_summaries(transaction: Transaction) -> list[AccountSummary]:
    """Return every account that was ever scheduled, in no order."""
    allow_scans(transaction.connection)
    query = select(
        ACCOUNT.id.label("account"),
        ACCOUNT.enabled,
        ACCOUNT.paused,
        (ACCOUNT.failures > 0).label("failing"),
        ACCOUNT.problem.is_not(None).label("has_problem"),
        ACCOUNT.lease_until,
        ACCOUNT.due_at,
        ACCOUNT.visited_at,
        ACCOUNT.succeeded_at,
        exists().where(specs.c.kind == Kind.ACCOUNT.value, specs.c.id == ACCOUNT.id).label("registered"),
    )
    return [AccountSummary(**row) for row in transaction.connection.execute(query).mappings()]


def custody_summaries(transaction: Transaction, names: Sequence[str]) -> Mapping[str, CustodySummary]:
    """Return the mails of these accounts that are not done; accounts without any are left out."""
    at_source: Counter[str] = Counter()
    here: Counter[str] = Counter()
    for some in _portions([*map(key, names)]):
        kept = _counted(some).where(KEPT, MESSAGE.settled_at.is_(None), ~MESSAGE.unbacked)
        blobs_alone = _counted(some).where(UNBACKED, MESSAGE.blob.is_not(None))
        for query, counts in ((kept, at_source), (blobs_alone, here)):
            for account, number in transaction.connection.execute(query):
                counts[account] = number
    return {each: CustodySummary(at_source[each], here[each]) for each in {*at_source, *here}}


def paused_among(transaction: Transaction, names: Sequence[str]) -> Sequence[str]:
    """Return those of the accounts that are paused."""
    query = select(ACCOUNT.id).where(ACCOUNT.id.in_(list(names)), ACCOUNT.paused)
    return transaction.connection.execute(query).scalars().all()


def fences_of(transaction: Transaction, names: Sequence[str]) -> Mapping[str, int]:
    """Return the number of the last lease of each of the accounts that is neither paused nor disabled."""
    fences: dict[str, int] = {}
    for some in _portions(names):
        query = select(ACCOUNT.id, ACCOUNT.fence).where(ACCOUNT.id.in_(some), READY)
        fences |= {row.id: row.fence for row in transaction.connection.execute(query)}
    return fences


def _counted(some: Sequence[str]) -> Select[str, int]:
    return select(MESSAGE.account, func.count()).where(MESSAGE.account.in_(some)).group_by(MESSAGE.account)


def _portions(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), ACCOUNTS_PER_STATEMENT):
        yield names[start : start + ACCOUNTS_PER_STATEMENT]
