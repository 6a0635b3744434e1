"""The window: how much of an account's mail may be on its way at once, within its tenant's share. The rest
stays in the source mailbox.

Two bounds each, mails and octets. A single mail larger than the octets still passes, alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.fetcher.decide.choice import Wanted
from services.fetcher.flow_control.pending_set import PendingSet
from services.fetcher.flow_control.recently_published import STANDING
from services.fetcher.flow_control.tenant_quota import QuotaLimit
from services.fetcher.flow_control.tenant_quotas import TenantQuotas


class AccountWindow:
    """Of one account's visit; counts what is on its way, from this visit and from earlier ones."""

    def __init__(
        self,
        bound: QuotaLimit,
        tenants: TenantQuotas,
        *,
        tenant: str,
        account: str,
        already: Mapping[str, int],
        watch: PendingSet,
    ) -> None:
        """`already` are the octets of each mail still on its way from earlier visits; `watch` gets the
        hints.
        """
        self._watch = watch
        self._tenants = tenants
        self._share = tenants.share(tenant)
        self._tenant = tenant
        self._account = account
        self._room_messages = bound.messages - len(already)
        self._room_octets = bound.octets - sum(already.values())
        self._held: dict[str, int] = {}
        tenants.begin(tenant, account, already)

    def enter(self, message: str, octets: int) -> None:
        """A mail sets out. Call it before the hint of its arrival can come."""
        self._held[message] = octets
        self._room_messages -= 1
        self._room_octets -= octets
        self._tenants.enter(self._tenant, self._account, message, octets)

    def leave(self, messages: Iterable[str]) -> None:
        """These mails have arrived; those not known here are passed over."""
        for message in messages:
            octets = self._held.pop(message, None)
            if octets is not None:
                self._room_messages += 1
                self._room_octets += octets

    @property
    def is_full(self) -> bool:
        """Whether nothing more may set out."""
        return self._own_is_full or self._tenants.is_full(self._tenant)

    @property
    def _own_is_full(self) -> bool:
        return self._room_messages <= 0 or self._room_octets <= 0

    def portion(self, waiting: Sequence[Wanted]) -> Sequence[Wanted]:
        """The first of `waiting` that fit, by their listed sizes: at least one, unless the window is full.

        They are reserved until `end_portion`.
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
        self._tenants.reserve(self._tenant, self._account, count, octets)
        self._share.wait_no_more(self._watch)
        self._tenants.wake_next(self._share)
        return waiting[:count]

    def end_portion(self) -> None:
        """What of the portion has not set out by now will not."""
        self._share.release(self._account)
        self._tenants.wake_next(self._share)

    def end_reading(self) -> None:
        """The visit wants no more."""
        self._share.wait_no_more(self._watch)
        self.end_portion()

    async def opens(self, patience: float) -> bool:
        """Wait until something arrived that may have made room, or has stood in the queues for so long that
        it takes none; False when for `patience` seconds nothing of the account arrived, nor of the tenant
        where that is what it waits for, or waits were ended.
        """
        arrivals = self._share.arrivals
        if not self._own_is_full:
            self._share.wait(self._watch)
        waited = 0.0
        while not await self._watch.news(min(patience - waited, STANDING)):
            waited += STANDING
            if self._watch.ended:
                return False
            if not self.is_full:
                return True
            if waited >= patience:
                return not self._own_is_full and self._share.arrivals > arrivals
        return True

    def _room(self) -> QuotaLimit:
        return self._tenants.room(self._tenant).and_also(QuotaLimit(self._room_messages, self._room_octets))
