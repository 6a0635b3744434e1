"""Makes one attempt to deliver a mail to its recipients at one target, and returns an outcome for each.

Replies and errors become outcomes in `outcome`. Before a recipient is reported as parked, the raw mail is
made durable in a blob (custody rule 3); if that fails, the recipient is deferred instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from services.relay.delivery.outcome import (
    InternalError,
    OutcomeContext,
    RetryPolicy,
    defer_instead_of_park,
    delivered_outcome,
    outcome_of_error,
    outcome_of_reply,
)
from services.relay.delivery.splitting import RecipientResult, RecipientSplitter
from services.relay.delivery.trace_header import below_trace_header, trace_header, with_trace_header
from services.relay.delivery.transport import RecipientLimits, Transport
from shared.contract.events import MessageRouted
from shared.contract.journal import RecipientOutcome
from shared.custody.commands import Outcomes
from shared.custody.state import Recipient
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.folder_field import folder_field
from shared.model.message import RecipientStatus
from shared.model.target import ClientReport, DeliveryOptions, Target
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import Serving
from shared.ports.tracing import NO_TRACING, Span, Tracing
from shared.runtime.checkpoints import reached
from shared.runtime.metrics import Metrics
from shared.runtime.raw_mail import store_raw_mail
from shared.runtime.registry import Registry
from shared.smtp.envelope import Content, Dsn, Envelope, ReportedClient
from shared.smtp.errors import ConnectionLost

_NOT_REPORTED = ClientReport.NONE

log = structlog.get_logger("mailferry.relay")


class _Known(NamedTuple):
    """The account and the target of an attempt, as they were when it began: it may last for minutes, and the
    registry keeps only so many. None where one is not in the registry, or cannot be used.
    """

    account: Account | None
    target: Target | None

    @property
    def delivery_options(self) -> DeliveryOptions:
        return DeliveryOptions() if self.target is None else self.target.delivery_options


@dataclass(slots=True)
class Attempter:
    """Makes attempts. The accounts of `registry` have the postmasters for unknown recipients and the field
    that names the source folder, its targets have the refusal rules, `limits` the learnt recipient limits;
    `chance` gives numbers from 0 to 1.
    """

    registry: Registry
    blobs: Blobs
    clock: Clock
    retry: RetryPolicy
    helo_name: str
    chance: Callable[[], float]
    metrics: Metrics
    limits: RecipientLimits
    tracing: Tracing = NO_TRACING

    def is_disabled(self, event: MessageRouted) -> bool:
        """Whether a mail waits, as its account, its tenant or its target is disabled."""
        account, target = self.registry.accounts.get(event.account), self.registry.targets.get(event.target)
        if target is not None and not target.enabled:
            return True
        return account is not None and not (
            account.enabled and self.registry.limits_of(account.tenant).enabled
        )

    async def make_attempt(self, event: MessageRouted, serving: Serving, transport: Transport) -> Outcomes:
        """Deliver, and return one outcome per recipient. Raises nothing: each attempt has an outcome that is
        recorded, whatever the mail or the target does.
        """
        with self.tracing.span("deliver", event.trace, message=event.message, target=event.target) as span:
            outcomes = await self._attempt(event, serving, transport)
            if self.tracing.is_on:
                _note_outcomes(span, outcomes)
        return outcomes

    async def _attempt(self, event: MessageRouted, serving: Serving, transport: Transport) -> Outcomes:
        known = _Known(self.registry.accounts.get(event.account), self.registry.targets.get(event.target))
        destinations = tuple(dict.fromkeys(each.destination for each in serving.recipients))
        began = self.clock.monotonic()
        results = await self._send_to_all(event, serving, transport, destinations, known)
        seconds = self.clock.monotonic() - began
        self.metrics.delivery_seconds.observe(seconds)
        self.metrics.observe_attempt(event.target, seconds)
        recipients = serving.recipients
        outcomes, blob = _all_delivered(recipients, results), None
        if outcomes is None:
            context = self._context(event, known)
            outcomes = [_outcome(each, results[each.destination], context) for each in recipients]
            outcomes, blob = await self._store_parked(event, outcomes, context)
        attempts = [each.attempt for each in recipients]
        return Outcomes(event.message, tuple(zip(outcomes, attempts, strict=True)), blob)

    async def _send_to_all(
        self,
        event: MessageRouted,
        serving: Serving,
        transport: Transport,
        destinations: Sequence[str],
        known: _Known,
    ) -> dict[str, RecipientResult]:
        """Send to all destinations, in as many transactions as the target needs; return the results."""
        limit = known.delivery_options.max_recipients
        limit = min(limit, self.limits.recipient_limit(event.target) or limit)
        splitter = RecipientSplitter(destinations, limit)
        while group := splitter.next_group():
            splitter.record_group(await self._send_to_group(event, serving, transport, group, known))
        if splitter.learnt_limit is not None:
            self.limits.learn_recipient_limit(event.target, splitter.learnt_limit)
        return splitter.results

    async def _send_to_group(
        self,
        event: MessageRouted,
        serving: Serving,
        transport: Transport,
        destinations: tuple[str, ...],
        known: _Known,
    ) -> dict[str, RecipientResult]:
        """Send to these destinations in one transaction; return the results."""
        try:
            envelope = _envelope(event, serving, destinations, known.delivery_options)
            content = self._content(event, serving, destinations, known.account)
            replies = await transport.deliver_mail(serving.target, envelope, content)
            reached("relay.delivered")
            return {reply.recipient: reply for reply in replies}
        except ConnectionLost as lost:
            answered = {reply.recipient: reply for reply in lost.answered}
            return {each: answered.get(each, lost) for each in destinations}
        except MailferryError as error:
            return dict.fromkeys(destinations, error)
        except Exception as error:
            log.exception("attempt failed unexpectedly", message=event.message)
            bug = InternalError(f"internal error {type(error).__name__}; see the log")
            return dict.fromkeys(destinations, bug)

    def _content(
        self, event: MessageRouted, serving: Serving, destinations: Sequence[str], account: Account | None
    ) -> Content:
        field_name = account.routing.folder_header if account is not None else None
        header = folder_field(field_name, serving.folder) if field_name is not None else b""
        header += trace_header(
            message=event.message,
            account=event.account,
            helo_name=self.helo_name,
            recipient=destinations[0] if len(destinations) == 1 else None,
            now=self.clock.now(),
        )
        if event.payload.inline is not None:
            return header + below_trace_header(event.payload.inline, destinations, field_name)
        return with_trace_header(header, self.blobs.read(event.payload.blob or ""), destinations, field_name)

    def _context(self, event: MessageRouted, known: _Known) -> OutcomeContext:
        postmaster = known.account.routing.unknown_recipients if known.account else None
        return OutcomeContext(
            retry=self.retry,
            postmaster=str(postmaster) if postmaster else None,
            first_fetched_at=event.fetched_at,
            now=self.clock.now(),
            chance=self.chance(),
            rules=known.target.rules if known.target else (),
        )

    async def _store_parked(
        self, event: MessageRouted, outcomes: Sequence[RecipientOutcome], context: OutcomeContext
    ) -> tuple[Sequence[RecipientOutcome], str | None]:
        """Make the raw mail durable if a recipient is parked; return the outcomes, and the blob's name."""
        blob = None
        if any(each.status is RecipientStatus.PARKED for each in outcomes):
            try:
                blob = await store_raw_mail(self.blobs, event.message, event.payload)
                reached("relay.blob-kept")
            except MailferryError as error:
                outcomes = [defer_instead_of_park(each, error, context) for each in outcomes]
        return outcomes, blob


def _note_outcomes(span: Span, outcomes: Outcomes) -> None:
    for status, recipients in Counter(each.status for each, _ in outcomes.outcomes).items():
        span.note(**{status.value: recipients})
        if status is not RecipientStatus.DELIVERED:
            span.fail(status.value)


def _envelope(
    event: MessageRouted, serving: Serving, destinations: tuple[str, ...], options: DeliveryOptions
) -> Envelope:
    notify = options.dsn
    originals = {each.destination: each.original for each in serving.recipients} if notify else {}
    return Envelope(
        serving.reverse_path,
        destinations,
        size=event.payload.octets,
        dsn=Dsn(notify, envelope_id=event.message, originals=originals) if notify else None,
        client=_reported_client(event, options.client),
        flow=event.tenant,
    )


def _reported_client(event: MessageRouted, how: ClientReport) -> ReportedClient | None:
    if how is _NOT_REPORTED:
        return None
    return ReportedClient(how.value.upper(), event.client_name, event.client_address)


def _all_delivered(
    recipients: Sequence[Recipient], results: Mapping[str, RecipientResult]
) -> Sequence[RecipientOutcome] | None:
    """Return the outcomes if all recipients were delivered to, which is the usual case; otherwise None."""
    outcomes = []
    for each in recipients:
        result = results[each.destination]
        if isinstance(result, MailferryError) or not result.reply.positive:
            return None
        outcomes.append(delivered_outcome(each, result.reply))
    return outcomes


def _outcome(recipient: Recipient, result: RecipientResult, context: OutcomeContext) -> RecipientOutcome:
    if isinstance(result, MailferryError):
        return outcome_of_error(recipient, result, context)
    return outcome_of_reply(recipient, result, context)
