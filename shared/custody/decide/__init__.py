"""The seven rules of custody: functions from state and command to journal entries.

1. Delete a mail at its source only if the database shows it as settled.
2. Suppress a copy only against a claim that is done. Wait for the holder of an open claim, and take over
   from a holder that failed.
3. Outcomes are per recipient. The raw mail of a recipient that failed for good is stored before it is
   parked.
4. A ledger key is account, folder, UIDVALIDITY and UID. The content is compared, too, as UIDs are reused.
5. A mail is gone only if a later listing lacks it.
6. With `custody = "spool"`, the raw mail is stored durably before the session with the source ends.
7. A ledger key is free again once a listing lacks its mail or shows another mail under it.

Every function returns None, or no entries, where the command is stale: the state has moved on, and the event
that carried the command is dropped. Nothing here knows a database. The caller guarantees that the state is
locked.
"""

from __future__ import annotations

from shared.custody.decide.delivery import (
    begin_attempt,
    end_attempt,
    extend_attempt,
    recipients_not_due,
    resolve_waiting,
)
from shared.custody.decide.parking import discard_parked, lose_blob, retry_parked
from shared.custody.decide.routing import (
    NOBODY,
    awaits_routing,
    claims_needed,
    claims_of_near_identities,
    match_identity,
    may_be_surplus,
    route,
    surplus_claim,
)
from shared.custody.decide.source import (
    allow_deletion,
    can_come_again,
    is_forgettable,
    is_on_its_way,
    leave_at_source,
    mark_gone,
    mark_lost,
    record_fetch,
    rename,
    republish,
)

__all__ = [
    "NOBODY",
    "allow_deletion",
    "awaits_routing",
    "begin_attempt",
    "can_come_again",
    "claims_needed",
    "claims_of_near_identities",
    "discard_parked",
    "end_attempt",
    "extend_attempt",
    "is_forgettable",
    "is_on_its_way",
    "leave_at_source",
    "lose_blob",
    "mark_gone",
    "mark_lost",
    "match_identity",
    "may_be_surplus",
    "recipients_not_due",
    "record_fetch",
    "rename",
    "republish",
    "resolve_waiting",
    "retry_parked",
    "route",
    "surplus_claim",
]
