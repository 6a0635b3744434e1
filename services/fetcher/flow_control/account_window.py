"""The window: how much of an account's mail may be in flight at once, within its tenant's quota. The rest
stays in the source mailbox.

It has two limits, mails and octets. A single mail larger than the octets still passes, alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.fetcher.decide.choice import Wanted
from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.tenant_quota import QUEUED_FOR, QuotaLimit
from services.fetcher.flow_control.tenant_quotas import TenantQuotas


class AccountWindow:
    """The window of one visit. It counts the mails in flight from this visit and from earlier ones."""

    def __init__(
        self,
        limit: QuotaLimit,
        quotas: TenantQuotas,
        *,
        tenant: str,
        account: str,
        in_flight: Mapping[str, int],
        pending: PendingSet,
    ) -> None:
        """`in_flight` are the octets of each mail in flight from earlier visits; `pending` gets the hints."""
        self._pending = pending
        self._quotas = quotas
        self._quota = quotas.of_tenant(tenant)
        self._tenant = tenant
        self._account = account
        self._room_messages = limit.messages - len(in_flight)
        self._room_octets = limit.octets - sum(in_flight.values())
        self._published: dict[str, int] = {}
        quotas.begin_visit(tenant, account, in_flight)

    def add_message(self, message: str, octets: int) -> None:
        """Count a mail that is published next, before the hint of its settlement can come."""
        self._published[message] = octets
        self._room_messages -= 1
        self._room_octets -= octets
        self._quotas.add_message(self._tenant, self._account, message, octets)

    def remove_messages(self, messages: Iterable[str]) -> None:
        """Count these mails no more, as they were settled; those not known here are passed over."""
        for message in messages:
            octets = self._published.pop(message, None)
            if octets is not None:
                self._room_messages += 1
                self._room_octets += octets

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be published."""
        return self._account_is_full or self._quotas.is_used_up(self._tenant)

    @property
    def _account_is_full(self) -> bool:
        return self._room_messages <= 0 or self._room_octets <= 0

    def reserve_portion(self, waiting: Sequence[Wanted]) -> Sequence[Wanted]:
        """Return the first of `waiting` that fit, by their listed sizes: at least one, unless the window is
        full. Room is reserved for them until `release_portion`.
        """
        if self.is_full:
            return ()
        room = self._room()
        octets = 0
        count = 0
        for wanted in waiting[: room.messages]:
            if count and octets + wanted.entry.size > room.octets:
                break
            octets += wanted.entry.size
            count += 1
        self._quotas.reserve(self._tenant, self._account, count, octets)
        self._quota.remove_waiting(self._pending)
        self._quotas.wake_next(self._quota)
        return waiting[:count]

    def release_portion(self) -> None:
        """Release the room of what was not published of the portion."""
        self._quota.release(self._account)
        self._quotas.wake_next(self._quota)

    def close(self) -> None:
        """Release all room that is reserved: the visit fetches no more."""
        self._quota.remove_waiting(self._pending)
        self.release_portion()

    async def wait_for_room(self, patience: float) -> bool:
        """Wait until a mail was settled that may have made room, or counts as queued no more; return False
        where the wait was given up.

        It is given up when waits are ended, and when for `patience` seconds no mail of the account was
        settled, nor one of the tenant where the tenant's quota is what it waits for.
        """
        settled_before = self._quota.settled_count
        if not self._account_is_full:
            self._quota.add_waiting(self._pending)
        waited = 0.0
        while not await self._pending.wait_for_change(min(patience - waited, QUEUED_FOR)):
            waited += QUEUED_FOR
            if self._pending.ended:
                return False
            if not self.is_full:
                return True
            if waited >= patience:
                return not self._account_is_full and self._quota.settled_count > settled_before
        return True

    def _room(self) -> QuotaLimit:
        return self._quotas.room(self._tenant).min_with(QuotaLimit(self._room_messages, self._room_octets))
