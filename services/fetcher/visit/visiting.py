"""A leased visit, from the dial to the release of the lease. Whatever happens in it ends as a report.

An error of one account affects no other. An unexpected error is logged with its traceback, and becomes a
report, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from services.fetcher.decide.failure_reason import failure_reason
from services.fetcher.decide.last_mail import mail_came_at, with_last_mail
from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.decide.schedule import next_visit, poll_after, visit_after_drop
from services.fetcher.decide.unchanged import mailbox_memory, prolonged, with_mailbox_memory
from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from services.fetcher.ingest.ports import Ports
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.opening import OpenMailbox, open_patiently, was_login_refused
from services.fetcher.visit.limits import Limits
from services.fetcher.visit.report import Visit
from services.fetcher.visit.session import Session
from shared.config.providers import provider_of_host
from shared.model.account import Account
from shared.model.duration import written
from shared.model.errors import Fault, MailferryError
from shared.model.source_errors import CredentialsRefused, ProcessEnds
from shared.net.errors import ConnectionLost, InactivityTimeout
from shared.ports.store import FetcherStore, Lease, Release, VisitReport
from shared.runtime.metrics import Metrics

MINUTE = 60.0
WATCHED_POLL = 600.0
"""Seconds between two visits, at least, where the server tells when mail comes. Some stop telling."""

log = structlog.get_logger("mailferry.fetcher")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Visits accounts for the fetcher called `name`.

    `board` tells of settlements. `chance` returns random numbers from 0 to 1, which spread the visits.
    """

    name: str
    leases: FetcherStore
    ports: Ports
    board: SettlementTracker
    limits: Limits
    open_mailbox: OpenMailbox
    metrics: Metrics
    chance: Callable[[], float]

    async def visit(
        self, account: Account, lease: Lease, is_stopping: Callable[[], bool] = lambda: False
    ) -> Visit:
        """Visit the account and release its lease. Nothing more is fetched once `is_stopping()`.

        Raises only what the store raises when it takes the report.
        """
        with (
            self.metrics.sessions_open.track_inprogress(),
            self.metrics.visit_seconds.time(),
            self.ports.tracing.span("visit", account=account.id) as span,
        ):
            visit, login_delay = await self._attempt(account, lease, is_stopping)
            self._count(account, visit)
            self.ports.observer.end_visit(account.id)
            if visit.report.outcome == "failed":
                span.fail(failure_reason(visit.error))
            span.note(fetched=visit.report.fetched, deleted=visit.report.deleted)
        now = self.ports.clock.now()
        visit, quiet = _with_last_mail(visit, account, now)
        interval = max(account.shortest_interval, login_delay)
        due_at = self._due_at(account, lease, visit, now, interval, quiet)
        visit = _with_next_visit(visit, due_at - now)
        await self.leases.release_leases([Release(lease.fence, visit.report, now, due_at, lease.revision)])
        if self.ports.daily_limits is not None:
            self.ports.daily_limits.end(account.tenant, account.id, visit.report.fetched)
        return visit

    def _due_at(
        self, account: Account, lease: Lease, visit: Visit, now: float, interval: float, quiet: float
    ) -> float:
        """Return the time of the next visit. `interval`: the shortest time between two visits of the host.
        `quiet`: the seconds since mail came.
        """
        failures, chance, times = lease.failures, self.chance(), account.retry_times
        # Whether mail comes is not known after a failure, so that pauses grow from the short time then.
        poll = times.poll.shortest if visit.report.failed else poll_after(times.poll, quiet)
        if visit.dropped:
            again = visit_after_drop(
                visit.report, times, failures=failures, now=now, chance=chance, interval=interval
            )
            if again is not None:
                log.info(
                    "connection was dropped",
                    account=account.id,
                    attempt=failures + 1,
                    retries=times.retries,
                    again_in=round(again - now, 1),
                    error=visit.error,
                )
                return again
            failures = max(0, failures - times.retries + 1)
        return next_visit(
            visit.report,
            poll=max(poll, WATCHED_POLL) if visit.is_watched else poll,
            interval=interval,
            failures=failures,
            more=visit.more,
            now=now,
            chance=chance,
            error=visit.error,
        )

    async def _attempt(
        self, account: Account, lease: Lease, is_stopping: Callable[[], bool]
    ) -> tuple[Visit, float]:
        """Visit, and return the report and the seconds that the server wants between two logins.

        The report carries what is remembered for the next visit.
        """
        method, login_delay, read_failures = lease.method, 0.0, ReadFailures(lease.read_failures)
        state = prolonged(lease.state, lease.fence)
        mailbox: Mailbox | None = None
        session: Session | None = None
        try:
            opened = await open_patiently(
                account,
                method,
                self.open_mailbox,
                self.ports.clock,
                self.chance,
                self.ports.observer.note_retry,
            )
            method, login_delay, state = opened.method, opened.login_delay, lease.state
            mailbox = opened.mailbox
            mailbox.recall(mailbox_memory(lease.state))
            session = self._session(account, lease, mailbox, read_failures, is_stopping)
            visit = await _run(session, account, mailbox)
            nothing_left = not (visit.report.failed or visit.report.problem or visit.report.waiting)
            visit = replace(visit, is_watched=nothing_left and mailbox.stays_open)
        except ProcessEnds as error:
            interrupted = VisitReport(problem=str(error), failed=True, interrupted=True)
            visit = Visit(interrupted, more=False, error=error)
        except MailferryError as error:
            log.warning("visit failed", account=account.id, error=error)
            report = VisitReport(problem=str(error), failed=True, temporary=error.temporary)
            visit = Visit(report, more=False, error=error)
            method = None if was_login_refused(error) else method
        except Exception as error:
            log.exception("visit failed unexpectedly", account=account.id)
            problem = f"account {account.id}: internal error {type(error).__name__}; see the log"
            visit = Visit(VisitReport(problem=problem, failed=True), more=False)
        if visit.report.state is not None:
            state = visit.report.state
        elif session is not None and session.state is not None:
            state = session.state
        if mailbox is not None:
            state = with_mailbox_memory(state, mailbox.memory)
        # What was entered counts for the tenant, however the visit ended.
        report = replace(
            visit.report,
            method=method,
            read_failures=read_failures.all(),
            state=state,
            fetched=0 if session is None else session.fetched,
            octets=0 if session is None else session.octets,
        )
        return replace(visit, report=report), login_delay

    def _session(
        self,
        account: Account,
        lease: Lease,
        mailbox: Mailbox,
        read_failures: ReadFailures,
        is_stopping: Callable[[], bool],
    ) -> Session:
        return Session(
            account,
            lease,
            mailbox,
            self.ports,
            self.board,
            read_failures,
            self.limits,
            fetcher=self.name,
            is_stopping=is_stopping,
        )

    def _count(self, account: Account, visit: Visit) -> None:
        report, outcome = visit.report, visit.report.outcome
        if not report.interrupted:
            self.metrics.visits.labels(outcome=outcome).inc()
            provider = provider_of_host(account.endpoint.host)
            reason = failure_reason(visit.error) if report.failed else None
            self.metrics.count_visit(None if provider is None else provider.name, outcome, reason)
        self.metrics.mails_fetched.inc(report.fetched)
        self.metrics.bytes_fetched.inc(visit.octets)
        self.metrics.mails_deleted.inc(report.deleted)
        self.metrics.mails_skipped.inc(visit.skipped)
        numbers = {"fetched": report.fetched, "deleted": report.deleted, "waiting": report.waiting}
        if visit.skipped:
            numbers["skipped"] = visit.skipped
        sentences = {"problem": report.problem} if report.problem else {}
        # Nearly all visits find nothing; a line for each would be most of a log.
        is_empty = outcome == "ok" and not any(numbers.values())
        note = log.debug if is_empty else log.info
        note("visited", account=account.id, outcome=outcome, **numbers, **sentences)


async def _run(session: Session, account: Account, mailbox: Mailbox) -> Visit:
    """Run the session. Return the visit also where the connection was lost."""
    try:
        return await session.run()
    except (ConnectionLost, InactivityTimeout) as error:
        if error.fault is not Fault.SOURCE:
            raise
        log.warning("visit failed", account=account.id, error=error)
        report = VisitReport(
            problem=str(error), failed=True, temporary=error.temporary, fetched=session.fetched
        )
        return Visit(report, more=False, error=error, dropped=True)
    finally:
        await mailbox.abort()


def _with_last_mail(visit: Visit, account: Account, now: float) -> tuple[Visit, float]:
    """Note when mail came last where the schedule depends on it; return also the seconds since then."""
    report = visit.report
    at = None
    if account.retry_times.poll.grows:
        at = mail_came_at(report.state, fetched=report.fetched, now=now)
    state = with_last_mail(report.state, at)
    return replace(visit, report=replace(report, state=state)), 0.0 if at is None else now - at


def _with_next_visit(visit: Visit, pause: float) -> Visit:
    """Add to the problem of a long wait when the account is visited again."""
    report = visit.report
    if not report.failed or report.temporary:
        return visit
    why = "; sooner could lock the account" if isinstance(visit.error, CredentialsRefused) else ""
    minutes = max(1, round(pause / MINUTE))
    sentences = f"{report.problem} (Tried again in {written(minutes * MINUTE)}{why}.)"
    return replace(visit, report=replace(report, problem=sentences))
