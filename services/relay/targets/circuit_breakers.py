"""The circuit breakers of a relay's targets: failures open them, probes close them, outages are reported.

While a circuit is open, the relay's mail for the target waits without an attempt. Fetchers read in the store
which targets are out of reach, and leave their mail at the source. A report of an outage holds for a minute
and is repeated, so it ends soon after its relay. A healthy target costs one look-up in an empty dictionary.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

import structlog

from services.relay.delivery.transport import Transport
from services.relay.targets.circuit import (
    CircuitBreaker,
    ProbePolicy,
    after_failed_probe,
    after_failure,
    after_successful_probe,
)
from shared.model.errors import MailferryError, joined
from shared.model.target import Target
from shared.net.errors import NetworkError
from shared.net.sasl import SaslError
from shared.ports.clock import Clock
from shared.ports.store import Outage, RelayStore
from shared.ports.tokens import NO_GRANTS, GrantTokens, TokenUnavailable
from shared.smtp.envelope import Content, Envelope, Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, LoginImpossible, LoginRefused, SessionRefused, TlsUnavailable
from shared.smtp.target import connect_target
from shared.smtp.timeouts import Timeouts

TICK = 0.5
REPORT_HOLDS = 60.0
REPORT_EVERY = 15.0
PROBE_TIME = 1.0
"""Seconds that a successful probe takes."""
CLOSING = 421
PROBE_TIMEOUTS = Timeouts(connect=30, greeting=60, command=60)
OUT_OF_REACH = (
    NetworkError,
    SessionRefused,
    TlsUnavailable,
    LoginRefused,
    LoginImpossible,
    SaslError,
    TokenUnavailable,
)

Probe = Callable[[Target], Awaitable[None]]

log = structlog.get_logger("mailferry.relay")


def _ignore(_out: Collection[str]) -> None:
    """Observe nothing."""


class CircuitBreakers:
    """The circuit breakers by target. `probe` connects to a target, and raises the error if it cannot.

    `observe` is called with the targets that are out of reach, when they are others than before.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        transport: Transport,
        probe: Probe,
        outages: RelayStore,
        clock: Clock,
        policy: ProbePolicy,
        observe: Callable[[Collection[str]], None] = _ignore,
    ) -> None:
        self._observe = observe
        self._observed: frozenset[str] = frozenset()
        self._targets = targets
        self._transport = transport
        self._probe = probe
        self._outages = outages
        self._clock = clock
        self._policy = policy
        self._circuits: dict[str, CircuitBreaker] = {}
        self._failed: dict[str, Target] = {}
        self._reported: frozenset[str] = frozenset()
        self._report_at = 0.0

    def is_open(self, target: str) -> bool:
        """Whether no mail for `target` is to be tried now."""
        circuit = self._circuits.get(target)
        if circuit is not None and self._is_changed(target):
            self._close(target)
            return False
        return circuit is not None and circuit.is_open

    def seconds_to_wait(self, target: str) -> float:
        """Return how long mail for `target` should wait: until the next probe has ended.

        While a probe takes its time, mail waits for as long again as it has taken.
        """
        circuit = self._circuits.get(target)
        if circuit is None or circuit.probe_at is None:
            return 0.0
        left = circuit.probe_at - self._clock.monotonic()
        return left + PROBE_TIME if left > 0 else -left

    def open_circuits(self) -> dict[str, CircuitBreaker]:
        """Return the open circuits, by target."""
        return {target: circuit for target, circuit in self._circuits.items() if circuit.is_open}

    def remark(self) -> str | None:
        """Return a sentence about the targets that are out of reach; None if there is none."""
        return (
            joined(f"{each} is out of reach: {it.reason}" for each, it in self.open_circuits().items())
            or None
        )

    async def deliver_mail(
        self, target: str, envelope: Envelope, content: Content
    ) -> Sequence[RecipientReply]:
        """Send to `target`, and record whether it was reached; raises what the transport raises."""
        try:
            replies = await self._transport.deliver_mail(target, envelope, content)
        except MailferryError as error:
            if is_out_of_reach(error):
                self._record_failure(target, str(error))
            raise
        if is_turned_away(replies):
            self._record_failure(target, replies[0].reply.text)
        else:
            self._close(target)
        return replies

    async def run(self) -> None:
        """Probe and report, until cancelled; then withdraw the reports."""
        probes: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._start_probes(probes)
                self._observe_changes()
                await self._report_outages()
                await self._clock.sleep(TICK)
        finally:
            for probe in probes.values():
                probe.cancel()
            await self._withdraw_reports()

    def _is_changed(self, target: str) -> bool:
        """Whether the target is another one than that which failed: it may have moved, or got a password."""
        known = self._targets.get(target)
        return known is not None and self._failed.get(target, known) != known

    def _close(self, target: str) -> None:
        self._circuits.pop(target, None)
        self._failed.pop(target, None)

    def _record_failure(self, target: str, reason: str) -> None:
        before = self._circuits.get(target, CircuitBreaker())
        after = after_failure(before, reason, self._policy, self._clock.now(), self._clock.monotonic())
        self._circuits[target] = after
        if (known := self._targets.get(target)) is not None:
            self._failed[target] = known
        if after.is_open and not before.is_open:
            log.warning("target out of reach", target=target, error=reason)

    def _start_probes(self, probes: dict[str, asyncio.Task[None]]) -> None:
        now = self._clock.monotonic()
        for target, circuit in list(self._circuits.items()):
            if target not in self._targets or self._is_changed(target):
                self._close(target)
            elif circuit.probe_at is not None and circuit.probe_at <= now and target not in probes:
                probes[target] = probe = asyncio.create_task(self._probe_target(self._targets[target]))
                probe.add_done_callback(partial(_forget, probes, target))

    async def _probe_target(self, target: Target) -> None:
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
            self._circuits[target.name] = after_successful_probe(circuit, self._policy)
            return
        now = self._clock.monotonic()
        self._circuits[target.name] = after_failed_probe(circuit, problem, self._policy, now)

    def _observe_changes(self) -> None:
        out = frozenset(self.open_circuits())
        if out != self._observed:
            self._observed = out
            self._observe(out)

    async def _report_outages(self) -> None:
        """Report changes to the store at once, and repeat the rest now and then."""
        out = self.open_circuits()
        now = self._clock.monotonic()
        ended = self._reported - out.keys()
        repeat = bool(out) and (now >= self._report_at or out.keys() != self._reported)
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
        self._report_at = now + REPORT_EVERY

    async def _withdraw_reports(self) -> None:
        """Leave no report behind that would hold up mail, as this relay does not probe any more."""
        if self._reported:
            try:
                await self._outages.end_outages(sorted(self._reported))
            except MailferryError as error:
                log.warning("outages not withdrawn; they end by themselves", error=error)


def is_out_of_reach(error: MailferryError) -> bool:
    """Whether the next mail would meet the same error: no connection, no TLS, no login, a session refused.

    A connection that broke in the middle of a mail may be that mail's fault, and does not count.
    """
    if isinstance(error, ConnectionLost):
        return not error.content_begun
    return isinstance(error, OUT_OF_REACH)


def is_turned_away(replies: Sequence[RecipientReply]) -> bool:
    """Whether the target closed the session with 421 (RFC 5321 section 3.8) before it knew the mail."""
    return bool(replies) and all(each.phase is Phase.MAIL and each.reply.code == CLOSING for each in replies)


async def probe_target(target: Target, *, helo_name: str, grants: GrantTokens = NO_GRANTS) -> None:
    """Connect to `target` as for a mail, with TLS and login, and quit. Raises what prevents that."""
    client = await connect_target(target, helo_name=helo_name, timeouts=PROBE_TIMEOUTS, grants=grants)
    await client.quit()


def _forget(probes: dict[str, asyncio.Task[None]], target: str, _: asyncio.Task[None]) -> None:
    probes.pop(target, None)
