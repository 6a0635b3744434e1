"""A directory that asks the target itself, by RCPT, and remembers the answers for a while.

A target may accept every address of a domain, to refuse or lose the mail later. That is found out by asking
for one that nobody has, before the first real ones; from then on nobody is asked for in this domain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import structlog

from shared.adapters.finding_cache import FindingCache
from shared.adapters.rcpt_questions import Connect, Questions
from shared.model.errors import MailferryError, quoted
from shared.ports.clock import Clock
from shared.ports.directory import Existence, Finding
from shared.smtp.envelope import RecipientReply
from shared.smtp.reply import says_unknown_recipient

DEADLINE = 10.0
"""Seconds for all questions of a batch, dialling included. Who has no answer then is undecided."""
BACK_OFF = 30.0
VERDICT_FOR = 3600.0
INVENTED = "mailferry-probe-"

Notice = Callable[[str, bool], Awaitable[None]]

log = structlog.get_logger("mailferry.directory")


class RcptDirectory:
    """Who exists at the target that `connect` reaches.

    `notice` is told of a domain where it turns out that the target accepts every address, or does no longer.
    """

    def __init__(
        self, target: str, connect: Connect, clock: Clock, entropy: Callable[[int], bytes], notice: Notice
    ) -> None:
        self._target = target
        self._clock = clock
        self._entropy = entropy
        self._notice = notice
        self._questions = Questions(connect, clock)
        self._cache = FindingCache(clock)
        self._verdicts: dict[str, tuple[float, bool | None]] = {}
        self._asking = asyncio.Lock()
        self._quiet_until = 0.0
        self._trouble = ""

    def at_hand(self, addresses: Collection[str]) -> Mapping[str, Finding] | None:
        """See the port."""
        found = {address: self._known(address) for address in addresses}
        known = {address: finding for address, finding in found.items() if finding is not None}
        return known if len(known) == len(found) else None

    async def look_up(self, addresses: Collection[str]) -> Mapping[str, Finding]:
        """See the port."""
        try:
            async with asyncio.timeout(DEADLINE), self._asking:
                await self._ask_for([each for each in addresses if self._known(each) is None])
        except TimeoutError:
            self._give_up(f"no answer within {DEADLINE:g} seconds")
        except MailferryError as error:
            self._give_up(quoted(str(error)))
        return {address: self._known(address) or self._undecided() for address in addresses}

    async def tidy(self) -> None:
        """Give a connection up that was not used for a while; to be called now and then."""
        if self._questions.is_idle and not self._asking.locked():
            await self._questions.close()

    async def close(self) -> None:
        """Say goodbye to the target."""
        await self._questions.close()

    def _known(self, address: str) -> Finding | None:
        domain = _domain(address)
        if self._verdict(domain):
            return Finding(Existence.EXISTS, f"target {self._target} accepts every address at {domain}")
        found = self._cache.get(address)
        if found is None and self._clock.monotonic() < self._quiet_until:
            return self._undecided()
        return found

    def _verdict(self, domain: str) -> bool | None:
        """Whether every address of the domain is accepted; None where that has to be asked."""
        until, accepts_all = self._verdicts.get(domain, (0.0, None))
        return accepts_all if self._clock.monotonic() < until else None

    def _undecided(self) -> Finding:
        return Finding(Existence.UNDECIDED, f"target {self._target} was not to be asked: {self._trouble}")

    def _give_up(self, trouble: str) -> None:
        """Ask nothing for a while: nobody is to wait for a target that does not answer."""
        self._quiet_until = self._clock.monotonic() + BACK_OFF
        self._trouble = trouble
        log.warning("target not asked for recipients", target=self._target, error=trouble, seconds=BACK_OFF)

    async def _ask_for(self, addresses: Sequence[str]) -> None:
        invented = {
            f"{INVENTED}{self._entropy(10).hex()}@{domain}": domain
            for domain in dict.fromkeys(map(_domain, addresses))
            if self._verdict(domain) is None
        }
        async for answer in self._questions.answers([*invented]):
            # What the target puts off says nothing about the domain.
            if answer.reply.positive or answer.reply.severity == 5:
                await self._judge(invented[answer.recipient], answer.reply.positive)
        questions = [each for each in addresses if self._known(each) is None]
        async for answer in self._questions.answers(questions):
            self._cache.put(answer.recipient, _finding(answer))

    async def _judge(self, domain: str, accepts_all: bool) -> None:
        """Say it once, not each time that the verdict is renewed."""
        _, before = self._verdicts.get(domain, (0.0, None))
        self._verdicts[domain] = (self._clock.monotonic() + VERDICT_FOR, accepts_all)
        if accepts_all and not before:
            log.warning("target accepts every address of a domain", target=self._target, domain=domain)
        if accepts_all is not before:
            await self._notice(domain, accepts_all)


def _finding(answer: RecipientReply) -> Finding:
    """A refusal for another reason than that there is no such recipient says nothing about him."""
    if answer.reply.positive:
        standing = Existence.EXISTS
    else:
        standing = Existence.MISSING if says_unknown_recipient(answer.reply) else Existence.UNDECIDED
    return Finding(standing, f"the target said {answer.reply.text}")


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
