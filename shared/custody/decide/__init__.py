"""Which change is allowed: the seven rules of custody as functions from state and wish to journal entries.

Every function returns None (or no entries) where the wish is stale: the state has moved on, and the event
that carried the wish is to be dropped. Nothing here knows a database; the caller guarantees that the state it
passes is locked.
"""

from __future__ import annotations

from shared.custody.decide.delivery import begun, ended, prolonged, too_early, waiting_resolved
from shared.custody.decide.parking import blob_lost, discarded, retried
from shared.custody.decide.routing import (
    NOBODY,
    awaits_routing,
    claims_near,
    claims_wanted,
    identified,
    may_be_surplus,
    routed,
    surplus_claim,
)
from shared.custody.decide.source import (
    can_come_again,
    deleting,
    fetched,
    gone,
    is_forgettable,
    is_on_its_way,
    lost,
    renamed,
    republished,
)

__all__ = [
    "NOBODY",
    "awaits_routing",
    "begun",
    "blob_lost",
    "can_come_again",
    "claims_near",
    "claims_wanted",
    "deleting",
    "discarded",
    "ended",
    "fetched",
    "gone",
    "identified",
    "is_forgettable",
    "is_on_its_way",
    "lost",
    "may_be_surplus",
    "prolonged",
    "renamed",
    "republished",
    "retried",
    "routed",
    "surplus_claim",
    "too_early",
    "waiting_resolved",
]
