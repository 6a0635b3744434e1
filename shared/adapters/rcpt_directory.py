"""A directory that asks the target itself, by RCPT, and caches the answers.

Some targets accept every address of a domain and refuse or lose the mail later. So an address that nobody has
is asked about first. If the target accepts it, nobody else in this domain is asked about.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import structlog

from shared.adapters.rcpt_prober import Connect, RcptProber
from shared.model.errors import MailferryError, quoted
from shared.ports.clock import Clock
from shared.ports.directory import Existence, LookupResult
from shared.smtp.envelope import RecipientReply
from shared.smtp.reply import says_unknown_recipient

DEADLINE = 10.0
"""Seconds for all questions of a batch, connecting included. Recipients without an answer are undecided."""
PAUSE = 30.0
"""Seconds for which a target is not asked after it failed to answer."""
ACCEPTS_ALL_SECONDS = 3600.0
"""How long it is believed that a target accepts every address of a domain, or does not."""
PROBE_PREFIX = "mailferry-probe-"
CACHE_CAPACITY = 50_000
CACHE_SECONDS = {Existence.EXISTS: 6 * 3600.0, Existence.MISSING: 300.0, Existence.UNDECIDED: 30.0}
"""A recipient that was removed meanwhile is refused by the target itself, so `EXISTS` may be believed for
long. A new recipient should not lose its mail to the postmaster for long, so `MISSING` is not."""

ReportAcceptsAll = Callable[[str, bool], Awaitable[None]]

log = structlog.get_logger("mailferry.directory")


class RcptDirectory:
    """The recipients of the target that `connect` reaches.

    `report` is called when it turns out that the target accepts every address of a domain, or no longer does.
    """

    def __init__(
        self,
        target: str,
        connect: Connect,
        clock: Clock,
        entropy: Callable[[int], bytes],
        report: ReportAcceptsAll,
    ) -> None:
        self._target = target
        self._clock = clock
        self._entropy = entropy
        self._report = report
        self._prober = RcptProber(connect, clock)
        self._cache = LookupCache(clock)
        self._accepts_all: dict[str, tuple[float, bool | None]] = {}
        self._asking = asyncio.Lock()
        self._paused_until = 0.0
        self._failure = ""

    def look_up_cached(self, addresses: Collection[str]) -> Mapping[str, LookupResult] | None:
        """See the port."""
        found = {address: self._known(address) for address in addresses}
        known = {address: result for address, result in found.items() if result is not None}
        return known if len(known) == len(found) else None

    async def look_up(self, addresses: Collection[str]) -> Mapping[str, LookupResult]:
        """See the port."""
        try:
            async with asyncio.timeout(DEADLINE), self._asking:
                await self._ask_about([each for each in addresses if self._known(each) is None])
        except TimeoutError:
            self._pause(f"no answer within {DEADLINE:g} seconds")
        except MailferryError as error:
            self._pause(quoted(str(error)))
        return {address: self._known(address) or self._undecided() for address in addresses}

    @property
    def is_asking(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._asking.locked()

    async def close_idle(self) -> None:
        """Close a connection that was not used for a while; to be called now and then."""
        if self._prober.is_idle and not self._asking.locked():
            await self._prober.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._prober.close()

    def _known(self, address: str) -> LookupResult | None:
        domain = _domain(address)
        if self._accepts_all_of(domain):
            return LookupResult(Existence.EXISTS, f"target {self._target} accepts every address at {domain}")
        found = self._cache.get(address)
        if found is None and self._clock.monotonic() < self._paused_until:
            return self._undecided()
        return found

    def _accepts_all_of(self, domain: str) -> bool | None:
        """Return whether every address of the domain is accepted; None where that must be asked."""
        until, accepts_all = self._accepts_all.get(domain, (0.0, None))
        return accepts_all if self._clock.monotonic() < until else None

    def _undecided(self) -> LookupResult:
        return LookupResult(Existence.UNDECIDED, f"target {self._target} could not be asked: {self._failure}")

    def _pause(self, failure: str) -> None:
        """Ask nothing for a while, so that no mail waits for a target that does not answer."""
        self._paused_until = self._clock.monotonic() + PAUSE
        self._failure = failure
        log.warning("target not asked for recipients", target=self._target, error=failure, seconds=PAUSE)

    async def _ask_about(self, addresses: Sequence[str]) -> None:
        probes = {
            f"{PROBE_PREFIX}{self._entropy(10).hex()}@{domain}": domain
            for domain in dict.fromkeys(map(_domain, addresses))
            if self._accepts_all_of(domain) is None
        }
        async for answer in self._prober.ask_about([*probes]):
            # A temporary refusal says nothing about the domain.
            if answer.reply.positive or answer.reply.severity == 5:
                await self._note_accepts_all(probes[answer.recipient], answer.reply.positive)
        unknown = [each for each in addresses if self._known(each) is None]
        async for answer in self._prober.ask_about(unknown):
            self._cache.put(answer.recipient, _result(answer))

    async def _note_accepts_all(self, domain: str, accepts_all: bool) -> None:
        """Remember this, and report it if it is news, not each time that it is asked again."""
        _, before = self._accepts_all.get(domain, (0.0, None))
        self._accepts_all[domain] = (self._clock.monotonic() + ACCEPTS_ALL_SECONDS, accepts_all)
        if accepts_all and not before:
            log.warning("target accepts every address of a domain", target=self._target, domain=domain)
        if accepts_all is not before:
            await self._report(domain, accepts_all)


class LookupCache:
    """Results by address, each believed for `CACHE_SECONDS`.

    The oldest results are dropped at `capacity`, so that a flood of invented recipients costs only more
    questions.
    """

    def __init__(self, clock: Clock, capacity: int = CACHE_CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._results: OrderedDict[str, tuple[float, LookupResult]] = OrderedDict()

    def get(self, address: str) -> LookupResult | None:
        """Return the result for `address`, if there is one that is still believed."""
        found = self._results.get(address)
        if found is None or found[0] <= self._clock.monotonic():
            return None
        return found[1]

    def put(self, address: str, result: LookupResult) -> None:
        """Remember a result from now on."""
        self._results[address] = (self._clock.monotonic() + CACHE_SECONDS[result.existence], result)
        self._results.move_to_end(address)
        if len(self._results) > self._capacity:
            self._results.popitem(last=False)


def _result(answer: RecipientReply) -> LookupResult:
    """Return what the reply says. Only a refusal as unknown means that the recipient does not exist."""
    if answer.reply.positive:
        existence = Existence.EXISTS
    else:
        existence = Existence.MISSING if says_unknown_recipient(answer.reply) else Existence.UNDECIDED
    return LookupResult(existence, f"the target said {answer.reply.text}")


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
