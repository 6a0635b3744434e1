"""How a visit went: the numbers for the schedule, and the sentences for the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.fetcher.decide.blame import Consequence, consequence
from services.fetcher.decide.choice import left_where_they_are
from services.fetcher.decide.plan import Plan
from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.visit.fetching import Fetching
from services.fetcher.visit.mailbox_scanner import MailboxScan
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.ports.store import VisitReport


@dataclass(frozen=True, slots=True)
class Visit:
    """How a visit went, having read `octets` of mail; with `more` the next one is due at once.

    `error` is what it failed with, if it failed in a way that was foreseen; `dropped`: the connection was
    lost after the login.
    """

    report: VisitReport
    more: bool
    octets: int = 0
    error: MailferryError | None = None
    dropped: bool = False


def reported(
    survey: MailboxScan,
    fetching: Fetching,
    problems: Sequence[str],
    *,
    deleted: int,
    settled_copies: int,
    more: bool,
) -> Visit:
    """Sum a visit up that ended in order. `settled_copies` counts the mails it dealt with that stay at the
    source as copies.
    """
    plan = survey.plan
    there = len(survey.listing.entries) + len(survey.listing.nameless)
    waiting = max(0, there - plan.kept - deleted - settled_copies) + plan.hidden
    broken = fetching.broken
    failed = broken is not None and consequence(broken) is Consequence.END_IN_ORDER
    report = VisitReport(
        problem="; ".join(problems) or None,
        failed=failed,
        fetched=len(fetching.entered),
        deleted=deleted,
        waiting=waiting,
        temporary=broken.temporary if failed and broken is not None else True,
    )
    octets = sum(each.octets for each in fetching.entered.values())
    return Visit(report, more and not failed, octets, broken if failed else None)


def troubles(
    account: Account,
    plan: Plan,
    fetching: Fetching,
    setbacks: ReadFailures,
    remarks: Sequence[str],
    now: float,
) -> list[str]:
    """What the operator should know of the fetching and of the `remarks` of the mailbox."""
    sentences = [*fetching.problems, *remarks]
    if renamed := sum(bool(entry.uid) for entry, _ in fetching.recognised.values()):
        sentences.append(
            f"{renamed} mails have other unique ids than before; they were recognised by their content "
            "and are not delivered again"
        )
    if fetching.broken is not None:
        sentences.append(str(fetching.broken))
    if fetching.left_off:
        sentences.append("the session reached its deadline; the next one goes on")
    aside = [*fetching.set_aside, *(each.key for each in plan.choice.put_off)]
    sentences += setbacks.sentences(aside, now)
    if left := plan.choice.oversize:
        sentences.append(left_where_they_are(left, account.reading.max_size))
    return sentences
