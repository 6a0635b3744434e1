"""The circuits of a relay's targets: what opens them, the probes that close them, and who is told.

While a circuit is open the mail in our hands waits without an attempt, and the fetchers leave the rest where
it is: they read in the store which targets are out. A report holds for a minute and is repeated; with the
relay that made it, it ends. A target that serves costs nothing here but a look into an empty dictionary.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import structlog

from services.relay.delivery.transport import Content, Transport
from services.relay.targets.circuit import (
    CircuitBreaker,
    ProbePolicy,
    after_failed_probe,
    after_failure,
    after_probe,
)
from services.relay.targets.reach import is_out_of_reach, sends_away
from shared.model.errors import MailferryError
from shared.model.target import Target
from shared.ports.clock import Clock
from shared.ports.store import Outage, RelayStore
from shared.smtp.envelope import Envelope, RecipientReply

TICK = 0.5
REPORT_HOLDS = 60.0
REPORT_EVERY = 15.0
PROBING = 1.0
"""Seconds that a probe takes where the target answers."""

Probe = Callable[[Target], Awaitable[None]]

log = structlog.get_logger("mailferry.relay")


class CircuitBreakers:
    """The circuits by target. `probe` reaches a target and leaves again; it raises what kept it from that."""

    def __init__(
        self,
        targets: Mapping[str, Target],
        way: Transport,
        probe: Probe,
        outages: RelayStore,
        clock: Clock,
        policy: ProbePolicy,
    ) -> None:
        self.targets = targets
        self._way = way
        self._probe = probe
        self._outages = outages
        self._clock = clock
        self._policy = policy
        self._circuits: dict[str, CircuitBreaker] = {}
        self._reported: frozenset[str] = frozenset()
        self._report_at = 0.0

    def is_open(self, target: str) -> bool:
        """Whether mail for `target` is not to be tried now."""
        circuit = self._circuits.get(target)
        return circuit is not None and circuit.is_open

    def wait(self, target: str) -> float:
        """Seconds for which mail for `target` had better wait: until after the next probe, and as long again
        as one is overdue.
        """
        circuit = self._circuits.get(target)
        if circuit is None or circuit.probe_at is None:
            return 0.0
        left = circuit.probe_at - self._clock.monotonic()
        return left + PROBING if left > 0 else -left

    def open_circuits(self) -> dict[str, CircuitBreaker]:
        """The open ones, by target."""
        return {target: circuit for target, circuit in self._circuits.items() if circuit.is_open}

    def remark(self) -> str | None:
        """A sentence about the targets that are out; None where none is."""
        return (
            "; ".join(f"{each} is out of reach: {it.reason}" for each, it in self.open_circuits().items())
            or None
        )

    async def send(self, target: str, envelope: Envelope, content: Content) -> Sequence[RecipientReply]:
        """Send to `target`, and learn from how that went; raises what the way there raises."""
        try:
            replies = await self._way.send(target, envelope, content)
        except MailferryError as error:
            if is_out_of_reach(error):
                self._note_failure(target, str(error))
            raise
        if sends_away(replies):
            self._note_failure(target, replies[0].reply.text)
        else:
            self._circuits.pop(target, None)
        return replies

    async def run(self) -> None:
        """Probe and report, until cancelled; then take back what was reported."""
        probes: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._begin_probes(probes)
                await self._report()
                await self._clock.sleep(TICK)
        finally:
            for probe in probes.values():
                probe.cancel()
            await self._take_back()

    def _note_failure(self, target: str, reason: str) -> None:
        before = self._circuits.get(target, CircuitBreaker())
        after = after_failure(before, reason, self._policy, self._clock.now(), self._clock.monotonic())
        self._circuits[target] = after
        if after.is_open and not before.is_open:
            log.warning("target out of reach", target=target, error=reason)

    def _begin_probes(self, probes: dict[str, asyncio.Task[None]]) -> None:
        moment = self._clock.monotonic()
        for target, circuit in list(self._circuits.items()):
            if target not in self.targets:
                del self._circuits[target]
            elif circuit.probe_at is not None and circuit.probe_at <= moment and target not in probes:
                probes[target] = probe = asyncio.create_task(self._try(self.targets[target]))
                probe.add_done_callback(partial(_forget, probes, target))

    async def _try(self, target: Target) -> None:
        try:
            await self._probe(target)
            problem = None
        except MailferryError as error:
            problem = str(error)
        except Exception as error:
            log.exception("probe failed unexpectedly", target=target.name)
            problem = f"internal error {type(error).__name__}; see the log"
        circuit = self._circuits.get(target.name)
        if circuit is None:
            return
        if problem is None:
            log.info("target reached again", target=target.name)
            self._circuits[target.name] = after_probe(circuit, self._policy)
            return
        moment = self._clock.monotonic()
        self._circuits[target.name] = after_failed_probe(circuit, problem, self._policy, moment)

    async def _report(self) -> None:
        """Tell the store at once what has changed, and now and then what has not."""
        out = self.open_circuits()
        moment = self._clock.monotonic()
        ended = self._reported - out.keys()
        repeat = bool(out) and (moment >= self._report_at or out.keys() != self._reported)
        if not (ended or repeat):
            return
        until = self._clock.now() + REPORT_HOLDS
        try:
            if ended:
                await self._outages.end_outages(sorted(ended))
            if out:
                await self._outages.report_outages(
                    [Outage(target, each.since, until, each.reason) for target, each in out.items()]
                )
        except MailferryError as error:
            log.warning("outages not reported", error=error)
            return
        self._reported = frozenset(out)
        self._report_at = moment + REPORT_EVERY

    async def _take_back(self) -> None:
        """Leave nothing behind that would hold up mail, as nobody is here to probe any more."""
        if self._reported:
            try:
                await self._outages.end_outages(sorted(self._reported))
            except MailferryError as error:
                log.warning("outages not taken back; they end by themselves", error=error)


def _forget(probes: dict[str, asyncio.Task[None]], target: str, _: asyncio.Task[None]) -> None:
    probes.pop(target, None)
