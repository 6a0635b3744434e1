"""The report of a visit: numbers for the schedule, and sentences for the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.fetcher.decide.blame import Consequence, consequence
from services.fetcher.decide.choice import oversize_sentence
from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.visit.fetching import Fetching
from services.fetcher.visit.mailbox_scanner import MailboxScan
from shared.model.account import Account
from shared.model.errors import MailferryError, joined
from shared.ports.store import VisitReport


@dataclass(frozen=True, slots=True)
class Visit:
    """A finished visit.

    `more`: the next visit is due at once. `octets`: of mail that was read. `error`: what the visit failed
    with, unless by a defect of ours. `dropped`: the connection was lost after the login. `is_watched`:
    nothing is left to do, and the session tells when mail comes. `skipped` mails were found to be older than
    the account's beginning.
    """

    report: VisitReport
    more: bool
    octets: int = 0
    error: MailferryError | None = None
    dropped: bool = False
    is_watched: bool = False
    skipped: int = 0


def visit_report(
    scan: MailboxScan,
    fetching: Fetching,
    problems: Sequence[str],
    *,
    deleted: int,
    settled_copies: int,
    more: bool,
) -> Visit:
    """Return the report of a visit that ended in order.

    `settled_copies` counts the mails of the visit that are settled and stay at the source.
    """
    plan = scan.plan
    there = len(scan.listing.entries) + len(scan.listing.nameless)
    waiting = max(0, there - plan.kept - deleted - settled_copies) + plan.hidden + scan.undecided + scan.left
    broken = fetching.broken
    failed = broken is not None and consequence(broken) is Consequence.END_IN_ORDER
    report = VisitReport(
        problem=joined(problems) or None,
        failed=failed,
        fetched=len(fetching.entered),
        deleted=deleted,
        waiting=waiting,
        temporary=broken.temporary if failed and broken is not None else True,
    )
    octets = sum(each.octets for each in fetching.entered.values())
    return Visit(report, more and not failed, octets, broken if failed else None, skipped=scan.skipped)


def problem_sentences(
    account: Account,
    scan: MailboxScan,
    fetching: Fetching,
    read_failures: ReadFailures,
    remarks: Sequence[str],
    now: float,
) -> list[str]:
    """Return what the operator should know of the reading, and the `remarks` of the mailbox."""
    sentences, plan = [*fetching.problems, *remarks], scan.plan
    if renamed := scan.renumbered + sum(bool(entry.uid) for entry, _ in fetching.recognised.values()):
        sentences.append(
            f"{renamed} mails have other unique ids than before; they were recognised by their content "
            "and are not delivered again"
        )
    if fetching.broken is not None:
        sentences.append(str(fetching.broken))
    if fetching.reached_deadline:
        sentences.append("the session reached its deadline; the next one continues")
    aside = [*fetching.deferred, *(each.key for each in plan.choice.postponed)]
    sentences += read_failures.sentences(aside, now)
    if left := plan.choice.oversize:
        sentences.append(oversize_sentence(left, account.reading.max_size))
    return sentences
