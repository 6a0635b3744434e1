"""A login test as the API shows it."""

from __future__ import annotations

from pydantic import BaseModel

from shared.operations.login_reports import MailboxReport, StepState
from shared.operations.login_runs import LoginRun


class LoginStep(BaseModel):
    """A step of a login that was reached: name, connect, TLS, greeting, capabilities, method, credentials,
    mailbox.
    """

    name: str
    state: StepState


class ExplainedRecipient(BaseModel):
    """Who would get a mail, and why."""

    address: str
    reason: str


class ExplainedMail(BaseModel):
    """A mail of the mailbox: which header field decides, and who would get it."""

    uid: str
    sender: str
    message_id: str
    evidence: str
    field: str
    value: str
    confidence: str
    recipients: list[ExplainedRecipient]
    park_reason: str | None
    loop: str | None


class ExplainedMailbox(BaseModel):
    """The oldest mails of a mailbox, `seen` of `total`. Nothing of them was fetched, marked or deleted."""

    mails: list[ExplainedMail]
    seen: int
    total: int
    problems: list[str]


class LoginTestRun(BaseModel):
    """A login test. While `done` is false, ask again. `account` is empty for one that is not saved."""

    id: str
    account: str
    done: bool
    steps: list[LoginStep]
    ok: bool | None = None
    sentence: str | None = None
    step: str | None = None
    advice: str | None = None
    mailbox: ExplainedMailbox | None = None


def login_test_run(run: LoginRun) -> LoginTestRun:
    """Return a login test for an answer."""
    report = run.report
    return LoginTestRun(
        id=run.id,
        account=run.account,
        done=run.is_done,
        steps=[LoginStep(name=each.name, state=each.state) for each in report.steps],
        ok=report.ok,
        sentence=report.sentence or None,
        step=report.step,
        advice=report.advice,
        mailbox=None if report.mailbox is None else _explained(report.mailbox),
    )


def _explained(mailbox: MailboxReport) -> ExplainedMailbox:
    mails = [
        ExplainedMail(
            uid=each.uid,
            sender=each.sender,
            message_id=each.message_id,
            evidence=each.evidence,
            field=each.field,
            value=each.value,
            confidence=each.confidence,
            recipients=[ExplainedRecipient(address=to, reason=why) for to, why in each.recipients],
            park_reason=each.park_reason,
            loop=each.loop,
        )
        for each in mailbox.mails
    ]
    return ExplainedMailbox(mails=mails, seen=mailbox.seen, total=mailbox.total, problems=[*mailbox.problems])
