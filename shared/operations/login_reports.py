"""What is known of a login test: the steps so far, the result, and who would get which mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from shared.model.errors import quoted
from shared.operations.explain import MailboxExplanation
from shared.operations.explanation import Explanation
from shared.operations.login_test import STEPS, LoginTest, steps_of

LONGEST_VALUE = 500
"""Characters of a header field that are shown: more is no address any more."""


class StepState(StrEnum):
    """How a step of a login is doing."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step of a login that was reached."""

    name: str
    state: StepState


@dataclass(frozen=True, slots=True)
class MailReport:
    """A mail of the mailbox: which header field decides, and who would get it, each with the reason."""

    uid: str
    sender: str
    message_id: str
    field: str
    value: str
    evidence: str
    confidence: str
    recipients: Sequence[tuple[str, str]]
    park_reason: str | None
    loop: str | None


@dataclass(frozen=True, slots=True)
class MailboxReport:
    """The oldest mails of a mailbox, `seen` of `total`."""

    mails: Sequence[MailReport]
    seen: int
    total: int
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class LoginReport:
    """What is known of a test. `ok` is None until it has ended; then `sentence` says what came of it.

    `step` is the one that failed, `advice` what to do. `details` are for programs. `mailbox` is None where
    nobody asked who would get the mails.
    """

    ok: bool | None = None
    sentence: str = ""
    step: str | None = None
    advice: str | None = None
    steps: Sequence[StepReport] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    mailbox: MailboxReport | None = None

    @property
    def is_done(self) -> bool:
        """Whether the test has ended."""
        return self.ok is not None

    def written(self) -> dict[str, Any]:
        """Return the report in the types of JSON."""
        return asdict(self)


def begun() -> LoginReport:
    """Return the report of a test that begins."""
    return LoginReport(steps=_until(STEPS[0]))


def under_way(step: str) -> LoginReport:
    """Return the report of a test that has reached a step after the greeting."""
    return LoginReport(steps=_until(step))


def ended(test: LoginTest) -> LoginReport:
    """Return the report of a login that has ended."""
    steps = [StepReport(name, StepState.DONE if ok else StepState.FAILED) for name, ok in steps_of(test)]
    return LoginReport(test.ok, test.sentence, test.step, test.advice, steps, dict(test.details))


def failed(sentence: str) -> LoginReport:
    """Return the report of a test that ended without a login."""
    return LoginReport(ok=False, sentence=sentence)


def mailbox_report(found: MailboxExplanation) -> MailboxReport:
    """Return who would get the mails of a mailbox."""
    problems = [*found.problems, *found.refusals]
    return MailboxReport([*map(_mail_report, found.mails)], found.seen, found.total, problems)


def read(report: Mapping[str, Any]) -> LoginReport:
    """Return a report that was written."""
    given = dict(report)
    steps = [StepReport(each["name"], StepState(each["state"])) for each in given.pop("steps")]
    mailbox = given.pop("mailbox")
    if mailbox is not None:
        mails = [
            MailReport(
                **{**each, "recipients": [(address, reason) for address, reason in each["recipients"]]}
            )
            for each in mailbox["mails"]
        ]
        mailbox = MailboxReport(**{**mailbox, "mails": mails})
    return LoginReport(steps=steps, mailbox=mailbox, **given)


def _until(step: str) -> Sequence[StepReport]:
    """The steps up to one that is under way."""
    place = STEPS.index(step)
    done = [StepReport(name, StepState.DONE) for name in STEPS[:place]]
    return [*done, StepReport(step, StepState.RUNNING)]


def _mail_report(mail: Explanation) -> MailReport:
    return MailReport(
        mail.uid or "",
        quoted(mail.sender, LONGEST_VALUE),
        quoted(mail.message_id, LONGEST_VALUE),
        mail.field,
        quoted(mail.value, LONGEST_VALUE),
        mail.evidence,
        mail.confidence,
        [(each.address, each.reason) for each in mail.recipients],
        mail.park_reason,
        mail.loop,
    )
