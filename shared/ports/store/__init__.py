"""The store: the truth about accounts, messages, recipients and claims, and the journal of their changes.

The ports, by who asks: `FetcherStore`, `RouterStore`, `RelayStore`, `OperatorStore`, `MaintenanceStore` and
`GrantStore`; `RegistryStore` for the accounts themselves, `AccessStore` for people, `WebhookStore`,
`OnboardingStore` for mailboxes that are being connected, and `SecretStore`, which all of them may ask for
sealed secrets. `Store` offers all of them. A question that two of them ask is in both.

Obligations of an adapter
- Each call is one transaction: all of it happens, journal entries included, or none. On return it is durable.
- Changes are made only as `shared.custody.decide` allows, on state that nobody else changes meanwhile.
- Conflicts with other processes (deadlock, serialisation, busy database) are retried inside. What remains is
  raised as `StoreUnavailable`. A call that raised may be made again.
- `now` is passed in (seconds since the epoch); the adapter has no clock of its own.
- A call without an answer after the adapter's deadline raises `StoreUnavailable`. Whether it was carried out
  is unknown then, as where an answer was lost.
- Calls take batches and cost a bounded number of statements per batch, not per message.
"""

from __future__ import annotations

from typing import Protocol

from shared.ports.store.access import (
    AccessStore,
    Answer,
    ApiToken,
    AuditRecord,
    Known,
    Repetition,
    Session,
    SessionKind,
    User,
)
from shared.ports.store.accounts import (
    AccountCounts,
    AccountPage,
    AccountQuery,
    AccountState,
    AccountTotals,
    ListedAccount,
    UnregisteredAccount,
    UnregisteredMail,
)
from shared.ports.store.errors import (
    LeaseLost,
    RawMailNeeded,
    SchemaOutdated,
    StoreDamaged,
    StoreUnavailable,
)
from shared.ports.store.events import EventStore
from shared.ports.store.fetcher import (
    HOST_REFUSES,
    HOST_THROTTLES,
    LONGEST_WAIT,
    FetcherStore,
    HostFact,
    Lease,
    LedgerRow,
    Receipt,
    Release,
    Schedule,
    SkippedMail,
    Usage,
    VisitReport,
    day_of,
)
from shared.ports.store.mails import ANYBODY, MailQuery, ParkedPage, ParkedPlace, ParkedQuery, Scope
from shared.ports.store.maintenance import (
    Epoch,
    MaintenanceStore,
    Parked,
    Pruned,
)
from shared.ports.store.oauth import GrantStore
from shared.ports.store.onboarding import (
    IMPORT_TEXT_KIND,
    Authorization,
    ConnectLink,
    ImportPart,
    NewGrant,
    OnboardingStore,
    StoredImport,
    StoredImportRow,
    StoredLoginTest,
)
from shared.ports.store.operator import (
    EVERYTHING,
    CatchAll,
    MailTotals,
    OperatorStore,
    Pause,
    TargetState,
    TracedSkip,
    covers,
    whole_journal,
)
from shared.ports.store.registry import (
    ABSENT,
    ANY,
    Changes,
    Extent,
    RegistryStore,
    RevisionConflict,
    SpecChange,
    SpecFilter,
    TenantFull,
)
from shared.ports.store.relay import (
    FACT_HOLDS,
    LONGEST_REPORT,
    Begun,
    Concluded,
    Early,
    FactKind,
    Outage,
    RelayStore,
    TargetFact,
)
from shared.ports.store.router import RouterStore, Serving
from shared.ports.store.secrets import Resealed, SealedSecret, SecretStore
from shared.ports.store.webhooks import Delivery, Webhook, WebhookStore

__all__ = [
    "ABSENT",
    "ANY",
    "ANYBODY",
    "EVERYTHING",
    "FACT_HOLDS",
    "HOST_REFUSES",
    "HOST_THROTTLES",
    "IMPORT_TEXT_KIND",
    "LONGEST_REPORT",
    "LONGEST_WAIT",
    "AccessStore",
    "AccountCounts",
    "AccountPage",
    "AccountQuery",
    "AccountState",
    "AccountTotals",
    "Answer",
    "ApiToken",
    "AuditRecord",
    "Authorization",
    "Begun",
    "CatchAll",
    "Changes",
    "Concluded",
    "ConnectLink",
    "Delivery",
    "Early",
    "Epoch",
    "EventStore",
    "Extent",
    "FactKind",
    "FetcherStore",
    "GrantStore",
    "HostFact",
    "ImportPart",
    "Known",
    "Lease",
    "LeaseLost",
    "LedgerRow",
    "ListedAccount",
    "MailQuery",
    "MailTotals",
    "MaintenanceStore",
    "NewGrant",
    "OnboardingStore",
    "OperatorStore",
    "Outage",
    "Parked",
    "ParkedPage",
    "ParkedPlace",
    "ParkedQuery",
    "Pause",
    "Pruned",
    "RawMailNeeded",
    "Receipt",
    "RegistryStore",
    "RelayStore",
    "Release",
    "Repetition",
    "Resealed",
    "RevisionConflict",
    "RouterStore",
    "Schedule",
    "SchemaOutdated",
    "Scope",
    "SealedSecret",
    "SecretStore",
    "Serving",
    "Session",
    "SessionKind",
    "SkippedMail",
    "SpecChange",
    "SpecFilter",
    "Store",
    "StoreDamaged",
    "StoreUnavailable",
    "StoredImport",
    "StoredImportRow",
    "StoredLoginTest",
    "TargetFact",
    "TargetState",
    "TenantFull",
    "TracedSkip",
    "UnregisteredAccount",
    "UnregisteredMail",
    "Usage",
    "User",
    "VisitReport",
    "Webhook",
    "WebhookStore",
    "covers",
    "day_of",
    "whole_journal",
]


class Store(Protocol):
    """The ports over one database, its check, and its end."""

    @property
    def fetcher(self) -> FetcherStore:
        """What the fetcher asks."""
        ...

    @property
    def router(self) -> RouterStore:
        """What the router asks."""
        ...

    @property
    def relay(self) -> RelayStore:
        """What the relay asks."""
        ...

    @property
    def operator(self) -> OperatorStore:
        """What operators ask."""
        ...

    @property
    def maintenance(self) -> MaintenanceStore:
        """What the services ask beside carrying mail."""
        ...

    @property
    def registry(self) -> RegistryStore:
        """What is asked about tenants, targets and accounts."""
        ...

    @property
    def secrets(self) -> SecretStore:
        """What is asked about sealed secrets."""
        ...

    @property
    def oauth(self) -> GrantStore:
        """What the token keeper asks."""
        ...

    @property
    def access(self) -> AccessStore:
        """What is asked about people, tokens and the audit."""
        ...

    @property
    def events(self) -> EventStore:
        """What is asked about what happened."""
        ...

    @property
    def webhooks(self) -> WebhookStore:
        """What is asked about webhooks."""
        ...

    @property
    def onboarding(self) -> OnboardingStore:
        """What is asked while mailboxes are connected."""
        ...

    async def check(self, *, writing: bool = False) -> None:
        """Raise `StoreUnavailable` or `SchemaOutdated` where the store cannot be used.

        With `writing`, also where it may only be read.
        """
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
