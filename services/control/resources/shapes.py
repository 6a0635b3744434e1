"""What the API takes and gives: one model for each shape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from shared.access import Permission, Role
from shared.config.settings import AccountSettings, TargetSettings, TenantSettings
from shared.custody.state import Message
from shared.model.setting import Settings
from shared.operations.login_reports import MailboxReport, StepState
from shared.operations.login_runs import LoginRun
from shared.operations.objects import Shown
from shared.ports.store import ApiToken, AuditRecord, Parked, User

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$"
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
USER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+@-]{0,127}$"
TenantName = Annotated[str, Path(pattern=NAME_PATTERN, examples=["acme"])]
ObjectName = Annotated[str, Path(pattern=NAME_PATTERN, examples=["info"])]
Id = Annotated[str, Path(pattern=ID_PATTERN)]
UserName = Annotated[str, Path(pattern=USER_PATTERN, examples=["anna@acme.example"])]


class Shape(BaseModel):
    """A shape that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class RegistryObject(BaseModel):
    """A tenant, target or account. `secrets` tells when each was set; none is ever given back."""

    id: str
    name: str
    tenant: str | None
    settings: dict[str, Any]
    secrets: dict[str, datetime]
    state: str
    problem: str | None
    revision: int
    managed_by: str
    origin: str
    target: str | None
    created_at: datetime
    changed_at: datetime


class ObjectPage(BaseModel):
    """Some objects, by id. `next` is the cursor of the next page."""

    items: list[RegistryObject]
    next: str | None


class NewMember(Shape):
    """A person. Without a password it signs in by a link."""

    name: Annotated[str, Field(pattern=USER_PATTERN, examples=["anna@acme.example"])]
    role: Role
    tenant: Annotated[str | None, Field(pattern=NAME_PATTERN)] = None
    accounts: Annotated[list[str], Field(max_length=1000)] = []
    password: Annotated[SecretStr | None, Field(min_length=12, max_length=256)] = None


class MemberChange(Shape):
    """What is to be changed of a person; what is left out stays."""

    role: Role | None = None
    accounts: Annotated[list[str] | None, Field(max_length=1000)] = None
    enabled: bool | None = None
    password: Annotated[SecretStr | None, Field(min_length=12, max_length=256)] = None


class Member(BaseModel):
    """A person."""

    name: str
    role: Role
    tenant: str | None
    accounts: list[str]
    enabled: bool
    has_password: bool
    revision: int
    created_at: datetime


class MemberPage(BaseModel):
    """Some people, by name."""

    items: list[Member]
    next: str | None


class NewApiToken(Shape):
    """A token for a program. `scope` narrows it to these permissions of its role."""

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["onboarding"])]
    role: Role
    tenant: Annotated[str | None, Field(pattern=NAME_PATTERN)] = None
    accounts: Annotated[list[str], Field(max_length=1000)] = []
    scope: list[Permission] | None = None
    expires_in_days: Annotated[int | None, Field(ge=1, le=3650)] = None


class Token(BaseModel):
    """A token. Its secret was shown once, when it was made; `prefix` is its beginning."""

    id: str
    name: str
    prefix: str
    role: Role
    tenant: str | None
    accounts: list[str]
    scope: list[Permission] | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


class MadeToken(Token):
    """A new token with its secret, which is not shown again."""

    secret: str


class TokenPage(BaseModel):
    """Some tokens, by id."""

    items: list[Token]
    next: str | None


class Recipient(BaseModel):
    """A recipient of a mail, and how it stands."""

    address: str
    destination: str
    status: str
    target: str
    answer: str


class Mail(BaseModel):
    """A mail in custody, or one that was."""

    id: str
    account: str
    status: str
    folder: str
    uid: str
    octets: int
    message_id: str
    sender: str
    first_fetched_at: datetime
    recipients: list[Recipient]


class StoryEntry(BaseModel):
    """What happened to a mail at some time."""

    at: datetime
    kind: str
    lines: list[str]


class MailStory(BaseModel):
    """A mail with everything that happened to it."""

    mail: Mail
    story: list[StoryEntry]


class ParkedRecipient(BaseModel):
    """A recipient that could not be served."""

    mail: str
    account: str
    address: str
    reason: str
    parked_at: datetime


class ParkedChoice(Shape):
    """For whom something is decided: all parked recipients of the mail, unless addresses are named."""

    addresses: Annotated[list[str], Field(max_length=1000)] = []


class ParkedRetry(ParkedChoice):
    """A retry, perhaps to another address."""

    destination: Annotated[str | None, Field(max_length=320)] = None


class Changed(BaseModel):
    """The addresses or accounts that were changed."""

    changed: list[str]


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


class AuditEntry(BaseModel):
    """Who did what."""

    number: int
    at: datetime
    who: str
    address: str
    action: str
    tenant: str | None
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(BaseModel):
    """The audit, newest first."""

    items: list[AuditEntry]
    next: str | None


def moment(at: float) -> datetime:
    """Return a time for an answer."""
    return datetime.fromtimestamp(at, UTC)


def moment_or_none(at: float | None) -> datetime | None:
    """Return a time, if there is one."""
    return None if at is None else moment(at)


def registry_object(shown: Shown) -> RegistryObject:
    """Return an object for an answer."""
    return RegistryObject(
        id=shown.id,
        name=shown.name,
        tenant=shown.tenant or None,
        settings=dict(shown.keys),
        secrets={name: moment(at) for name, at in shown.secrets.items()},
        state=shown.state.value,
        problem=shown.problem,
        revision=shown.revision,
        managed_by=shown.managed_by.value,
        origin=shown.origin,
        target=shown.target,
        created_at=moment(shown.created_at),
        changed_at=moment(shown.changed_at),
    )


def member(user: User) -> Member:
    """Return a person for an answer."""
    return Member(
        name=user.name,
        role=user.role,
        tenant=user.tenant,
        accounts=sorted(user.accounts),
        enabled=user.enabled,
        has_password=user.password is not None,
        revision=user.revision,
        created_at=moment(user.created_at),
    )


def token_shape(token: ApiToken) -> Token:
    """Return a token for an answer."""
    return Token(
        id=token.id,
        name=token.name,
        prefix=token.prefix,
        role=token.role,
        tenant=token.tenant,
        accounts=sorted(token.accounts),
        scope=None if token.scope is None else sorted(token.scope),
        created_by=token.created_by,
        created_at=moment(token.created_at),
        expires_at=moment_or_none(token.expires_at),
        used_at=moment_or_none(token.used_at),
        revoked_at=moment_or_none(token.revoked_at),
    )


def mail(message: Message) -> Mail:
    """Return a mail for an answer."""
    return Mail(
        id=message.id,
        account=message.account,
        status=message.status.value,
        folder=message.key.folder,
        uid=message.key.uid,
        octets=message.octets,
        message_id=message.message_id,
        sender=message.reverse_path,
        first_fetched_at=moment(message.first_fetched_at),
        recipients=[
            Recipient(
                address=each.address,
                destination=each.destination,
                status=each.status.value,
                target=each.target,
                answer=each.text,
            )
            for each in message.recipients.values()
        ],
    )


def parked_recipient(parked: Parked) -> ParkedRecipient:
    """Return a parked recipient for an answer."""
    return ParkedRecipient(
        mail=parked.message.id,
        account=parked.message.account,
        address=parked.recipient.address,
        reason=parked.recipient.text or parked.recipient.reason,
        parked_at=moment(parked.parked_at),
    )


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


def audit_entry(record: AuditRecord) -> AuditEntry:
    """Return a record of the audit for an answer."""
    return AuditEntry(
        number=record.number,
        at=moment(record.at),
        who=record.who,
        address=record.address,
        action=record.action,
        tenant=record.tenant,
        object=record.object,
        before=None if record.before is None else dict(record.before),
        after=None if record.after is None else dict(record.after),
    )


def settings_schema(model: type[Settings], example: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object's settings: each setting once, with its meaning."""
    return {
        "type": "object",
        "properties": {
            name: {"description": field.description or ""} for name, field in model.model_fields.items()
        },
        "example": example,
    }


SETTINGS_SCHEMAS = {
    "account": settings_schema(
        AccountSettings,
        {
            "name": "info",
            "source": "pop3s://pop.isp.example",
            "username": "info@acme.example",
            "password": "the password",
            "target": "exchange",
            "mailbox": "single",
            "recipient": "info@acme.example",
        },
    ),
    "connected account": settings_schema(
        AccountSettings,
        {
            "name": "info",
            "source": "pop3s://pop.isp.example",
            "username": "info@acme.example",
            "target": "exchange",
            "mailbox": "single",
            "recipient": "info@acme.example",
        },
    ),
    "target": settings_schema(TargetSettings, {"name": "exchange", "url": "smtp://mail.corp.example:25"}),
    "tenant": settings_schema(TenantSettings, {"name": "acme", "max_accounts": 100}),
}
