"""One attempt to deliver a mail to its recipients at one target, and what became of each.

Nothing is decided here: replies and errors become outcomes in `outcome`. If one is parked, the raw mail is
durable in a blob before that is said (rule 3); where it cannot be made durable, the recipient is deferred
instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from services.relay.delivery.backoff import RetryPolicy
from services.relay.delivery.outcome import (
    Circumstances,
    Unforeseen,
    delivered,
    from_error,
    from_reply,
    not_yet_parked,
)
from services.relay.delivery.splitting import End, Splitting
from services.relay.delivery.trace_header import below_trace_header, on_top, trace_header
from services.relay.delivery.transport import Content, LearntLimits, Transport
from shared.contract.events import MessageRouted
from shared.contract.journal import RecipientOutcome
from shared.custody.commands import Outcomes
from shared.custody.state import Recipient
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.message import RecipientStatus
from shared.model.target import ClientReport, DeliveryOptions, Target
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import Serving
from shared.runtime.checkpoints import reached
from shared.runtime.metrics import Metrics
from shared.runtime.raw_mail import store_raw_mail
from shared.smtp.client_report import ReportedClient
from shared.smtp.dsn import Dsn
from shared.smtp.envelope import Envelope
from shared.smtp.errors import ConnectionLost

_NOT_REPORTED = ClientReport.NONE

log = structlog.get_logger("mailferry.relay")


@dataclass(slots=True)
class Attempter:
    """Makes attempts. `accounts` tells whom unknown recipients go to, `targets` what is done about refusals,
    `limits` how many recipients they take; `chance` gives numbers from 0 to 1.
    """

    accounts: Mapping[str, Account]
    targets: Mapping[str, Target]
    blobs: Blobs
    clock: Clock
    retry: RetryPolicy
    helo_name: str
    chance: Callable[[], float]
    metrics: Metrics
    limits: LearntLimits

    def is_disabled(self, account: str) -> bool:
        """Whether the account is switched off, so that nothing of it is delivered."""
        known = self.accounts.get(account)
        return known is not None and not known.enabled

    async def make(self, event: MessageRouted, serving: Serving, way: Transport) -> Outcomes:
        """Deliver, and return one outcome per recipient. Raises nothing: whatever a mail or a target brings
        about, the attempt has an end that is recorded.
        """
        destinations = tuple(dict.fromkeys(each.destination for each in serving.recipients))
        began = self.clock.monotonic()
        ends = await self._send_to_all(event, serving, way, destinations)
        self.metrics.delivery_seconds.observe(self.clock.monotonic() - began)
        recipients = serving.recipients
        outcomes, blob = _all_delivered(recipients, ends), None
        if outcomes is None:
            around = self._around(event)
            outcomes = [_outcome(each, ends[each.destination], around) for each in recipients]
            outcomes, blob = await self._kept_safe(event, outcomes)
        attempts = [each.attempt for each in recipients]
        return Outcomes(event.message, tuple(zip(outcomes, attempts, strict=True)), blob)

    async def _send_to_all(
        self, event: MessageRouted, serving: Serving, way: Transport, destinations: Sequence[str]
    ) -> dict[str, End]:
        """What each of the destinations met, in as many transactions as the target makes necessary."""
        most = self._delivery_options(event.target).max_recipients
        splitting = Splitting(destinations, min(most, self.limits.recipients(event.target) or most))
        while group := splitting.next():
            splitting.record(await self._send(event, serving, way, group))
        if splitting.learnt is not None:
            self.limits.learn_recipients(event.target, splitting.learnt)
        return splitting.ends

    async def _send(
        self, event: MessageRouted, serving: Serving, way: Transport, destinations: tuple[str, ...]
    ) -> dict[str, End]:
        """What each of the destinations, which go in one transaction, met."""
        try:
            envelope = self._envelope(event, serving, destinations)
            replies = await way.send(serving.target, envelope, self._content(event, destinations))
            reached("relay.delivered")
            return {reply.recipient: reply for reply in replies}
        except ConnectionLost as lost:
            answered = {reply.recipient: reply for reply in lost.answered}
            return {each: answered.get(each, lost) for each in destinations}
        except MailferryError as error:
            return dict.fromkeys(destinations, error)
        except Exception as error:
            log.exception("attempt failed unexpectedly", message=event.message)
            mistake = Unforeseen(f"internal error {type(error).__name__}; see the log")
            return dict.fromkeys(destinations, mistake)

    def _delivery_options(self, target: str) -> DeliveryOptions:
        known = self.targets.get(target)
        return known.delivery_options if known is not None else DeliveryOptions()

    def _envelope(self, event: MessageRouted, serving: Serving, destinations: tuple[str, ...]) -> Envelope:
        options = self._delivery_options(event.target)
        wished = options.dsn
        originals = {each.destination: each.original for each in serving.recipients} if wished else {}
        return Envelope(
            serving.reverse_path,
            destinations,
            size=event.payload.octets,
            dsn=Dsn(wished, envelope_id=event.message, originals=originals) if wished else None,
            client=_reported(event, options.client),
            flow=event.tenant,
        )

    def _content(self, event: MessageRouted, destinations: Sequence[str]) -> Content:
        header = trace_header(
            message=event.message,
            account=event.account,
            helo_name=self.helo_name,
            recipient=destinations[0] if len(destinations) == 1 else None,
            now=self.clock.now(),
        )
        if event.payload.inline is not None:
            return header + below_trace_header(event.payload.inline, destinations)
        return on_top(header, self.blobs.read(event.payload.blob or ""), destinations)

    def _around(self, event: MessageRouted) -> Circumstances:
        account = self.accounts.get(event.account)
        postmaster = account.routing.unknown_recipients if account else None
        target = self.targets.get(event.target)
        return Circumstances(
            retry=self.retry,
            postmaster=str(postmaster) if postmaster else None,
            first_fetched_at=event.fetched_at,
            now=self.clock.now(),
            chance=self.chance(),
            rules=target.rules if target else (),
        )

    async def _kept_safe(
        self, event: MessageRouted, outcomes: Sequence[RecipientOutcome]
    ) -> tuple[Sequence[RecipientOutcome], str | None]:
        """The outcomes, after the raw mail of what is parked was made durable, and its blob."""
        blob = None
        if any(each.status is RecipientStatus.PARKED for each in outcomes):
            try:
                blob = await store_raw_mail(self.blobs, event.message, event.payload)
                reached("relay.blob-kept")
            except MailferryError as error:
                outcomes = [not_yet_parked(each, error, self._around(event)) for each in outcomes]
        return outcomes, blob


def _reported(event: MessageRouted, how: ClientReport) -> ReportedClient | None:
    if how is _NOT_REPORTED:
        return None
    return ReportedClient(how.value.upper(), event.client_name, event.client_address)


def _all_delivered(
    recipients: Sequence[Recipient], ends: Mapping[str, End]
) -> Sequence[RecipientOutcome] | None:
    """The usual end, of which nothing follows; None where a recipient met another."""
    outcomes = []
    for each in recipients:
        end = ends[each.destination]
        if isinstance(end, MailferryError) or not end.reply.positive:
            return None
        outcomes.append(delivered(each, end.reply))
    return outcomes


def _outcome(recipient: Recipient, end: End, around: Circumstances) -> RecipientOutcome:
    if isinstance(end, MailferryError):
        return from_error(recipient, end, around)
    return from_reply(recipient, end, around)
