"""What the API takes and gives: one model for each shape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from shared.config.settings import AccountSettings, TargetSettings, TenantSettings
from shared.custody.state import Message
from shared.model.setting import Settings
from shared.operations.objects import Shown
from shared.ports.store import Parked

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
