"""The beginning of an account under faults: no visit sees old mail, and no new mail is hidden from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from services.fetcher.ingest.ports import Ports
from services.fetcher.visit import beginning
from services.fetcher.visit.beginning import Beginning
from services.fetcher.visit.fetching import Bounds
from shared.custody.commands import Fence
from shared.model.begin import NOW, Begin
from shared.model.errors import Fault
from shared.model.mailbox import Listed
from shared.model.message import LedgerKey
from shared.net.errors import ConnectionLost
from shared.ports.store import Lease, SkippedMail, StoreUnavailable
from tests.fakes.clock import ManualClock
from tests.fakes.mailbox import FakeMailbox
from tests.fakes.mails import account

FENCE = Fence("acme/box", 1)
BEGAN_AT = 1_793_534_400.0
DATE = Begin(BEGAN_AT - 3600)
OLD, NEW, UNDATED = 1, 2, 3
HEADERS = {
    OLD: b"Received: by a.example; Sat, 31 Oct 2026 12:00:00 +0000\r\n",
    NEW: b"Received: by a.example; Sun, 1 Nov 2026 11:30:00 +0000\r\n",
    UNDATED: b"Subject: no date\r\n",
}


@dataclass
class Ledger:
    """Keeps skipped mails. Writes fail while `broken`: before they happen, or "after", when nobody hears."""

    rows: dict[LedgerKey, SkippedMail] = field(default_factory=dict)
    began: str | None = None
    broken: str = ""
    writes: int = 0

    async def skipped_mails(self, _account: str) -> Sequence[SkippedMail]:
        return list(self.rows.values())

    async def record_skipped(
        self,
        _fence: Fence,
        mails: Sequence[SkippedMail] = (),
        *,
        forget: Collection[LedgerKey] = (),
        began: str | None = None,
    ) -> None:
        self.writes -= 1
        fails = self.broken and self.writes < 0
        if fails and self.broken == "before":
            raise StoreUnavailable("the database is away")
        for key in forget:
            self.rows.pop(key, None)
        self.rows |= {each.key: each for each in mails}
        self.began = began or self.began
        if fails:
            raise StoreUnavailable("the database went away")


class Source(FakeMailbox):
    """Breaks off after `answers` headers."""

    answers = 1000

    @override
    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        async for answer in super().headers(entries):
            if self.answers <= 0:
                raise ConnectionLost("the connection broke", fault=Fault.SOURCE)
            self.answers -= 1
            yield answer


@dataclass(frozen=True)
class Comes:
    """A mail comes."""

    kind: int


@dataclass(frozen=True)
class Goes:
    """Somebody takes the first mail."""


@dataclass(frozen=True)
class Visits:
    """A visit, whose connection or database may break."""

    answers: int = 1000
    broken: str = ""
    writes: int = 0


STEPS = st.one_of(
    st.builds(Comes, st.sampled_from([OLD, NEW, UNDATED])),
    st.builds(Goes),
    st.builds(Visits, st.integers(0, 6), st.sampled_from(["", "before", "after"]), st.integers(0, 4)),
)


class Machine:
    """An account whose mailbox other programs use, too. `first` are the mails that were there when
    anything of its beginning was written.
    """

    def __init__(self, begin: Begin) -> None:
        self.account = replace(account(), begin=begin)
        self.ledger = Ledger()
        self.source = Source({})
        self.kinds: dict[str, int] = {}
        self.first: set[str] | None = None

    async def take(self, step: Comes | Goes | Visits) -> None:
        match step:
            case Comes(kind):
                uid = f"uid {len(self.kinds)}"
                self.kinds[uid] = kind
                # Sizes differ, so that no mail may be another one under a new UID.
                self.source.mails[uid] = HEADERS[kind] + b"\r\n" + b"x" * 100 * len(self.kinds)
            case Goes() if self.source.mails:
                del self.source.mails[next(iter(self.source.mails))]
            case Visits(answers, broken, writes):
                self.source.answers, self.ledger.broken, self.ledger.writes = answers, broken, writes
                await self.visit()

    async def visit(self) -> set[str] | None:
        """Return the mails that a visit sees; None where it broke off."""
        shown = set(self.source.mails)
        lease = Lease(FENCE, BEGAN_AT + 60, 0, began=self.ledger.began)
        bounds = Bounds(deadline=1e9, settle_wait=0.0, is_stopping=lambda: False)
        ports = Ports(cast(Any, self.ledger), cast(Any, None), cast(Any, None), ManualClock(BEGAN_AT), str)
        try:
            visible = await Beginning(self.account, self.source, ports, bounds).hide_skipped(
                lease, await self.source.listing(), ()
            )
        except (ConnectionLost, StoreUnavailable):
            visible = None
        if self.first is None and (self.ledger.began is not None or self.ledger.rows):
            self.first = shown
        if visible is None:
            return None
        seen = {entry.uid for entry in visible.listing.entries}
        assert not seen & self.skipped
        return seen

    @property
    def skipped(self) -> set[str]:
        """The mails that are to be skipped."""
        by_date = self.account.begin.needs_date
        return {uid for uid in self.first or () if not by_date or self.kinds[uid] == OLD}


@settings(deadline=None)
@example(NOW, [Comes(OLD), Visits(broken="before", writes=1), Comes(NEW)])
@given(st.sampled_from([NOW, DATE]), st.lists(STEPS, max_size=25))
def test_whatever_breaks_old_mail_is_never_seen_and_in_the_end_all_other_mail_is(
    begin: Begin, steps: list[Comes | Goes | Visits]
) -> None:
    async def run() -> None:
        machine = Machine(begin)
        for step in steps:
            await machine.take(step)
        machine.source.answers, machine.ledger.broken = 1000, ""
        assert await machine.visit() == set(machine.source.mails) - machine.skipped
        assert {key.uid for key in machine.ledger.rows} == set(machine.source.mails) & machine.skipped

    portion, beginning.DATES_AT_ONCE = beginning.DATES_AT_ONCE, 2
    try:
        asyncio.run(run())
    finally:
        beginning.DATES_AT_ONCE = portion
