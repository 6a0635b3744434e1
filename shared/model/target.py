"""A target: the mail server that people read their mail on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PlainValidator, SecretStr

from shared.model.duration import Duration
from shared.model.endpoint import Endpoint
from shared.model.errors import quoted
from shared.model.refusal import RefusalRule
from shared.model.setting import Settings, duration, setting

NEVER = "never"
NOTIFICATIONS = ("success", "failure", "delay")


def dsn_wishes(value: object) -> tuple[str, ...]:
    """The delivery status notifications that a target is asked for (RFC 3461, section 4.1); () leaves it to
    the target. Raises ValueError.
    """
    if value in (NEVER, (NEVER,)):
        return (NEVER,)
    listed = ", ".join(f'"{name}"' for name in NOTIFICATIONS)
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ValueError(f'expected "{NEVER}" or a list of these: {listed}')
    for name in value:
        if name not in NOTIFICATIONS:
            raise ValueError(f'"{quoted(name)}" is not known; available are {listed}')
    if len(set(value)) != len(value):
        raise ValueError("the same value is there twice")
    return tuple(value)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are at the target.

    `methods` are the SASL mechanisms allowed, in the order in which they are tried; () for those that suit
    the connection. `token_file`, read anew for each login, takes the place of the password.
    """

    username: str
    password: SecretStr = field(repr=False)
    methods: tuple[str, ...] = ()
    token_file: str | None = None


class ClientReport(StrEnum):
    """How a target that trusts us is told which client a mail came from: by Postfix' XCLIENT or XFORWARD."""

    NONE = "none"
    XCLIENT = "xclient"
    XFORWARD = "xforward"


class DeliveryOptions(Settings):
    """How a target's connections are used, and what the target is told."""

    host_connections: int = setting(
        0, "Connections of all processes of this machine together; 0 is no limit.", example=8, ge=0, le=1000
    )
    connection_mails: int = setting(1000, "Mails after which a connection is made anew.", ge=1)
    connection_age: Duration = duration(300.0, "Time after which a connection is made anew.", gt=0)
    max_recipients: int = setting(
        100, "Recipients of one transaction; a mail with more goes in several.", ge=1
    )
    dsn: Annotated[tuple[str, ...], PlainValidator(dsn_wishes)] = setting(
        (),
        "Delivery status notifications that the target is asked for. An empty list leaves it to the target.",
        form='"never" or a list of "success", "failure", "delay"',
        example="never",
    )
    client: Annotated[ClientReport, Field(strict=False)] = setting(
        ClientReport.NONE, "How a target that trusts us is told which client a mail came from."
    )


@dataclass(frozen=True, slots=True)
class Target:
    """Where mail is delivered, by at most `connections` connections of one process at a time.

    `rules` are what an operator wants done about its refusals; what none of them fits goes the usual way.
    """

    name: str
    endpoint: Endpoint
    credentials: Credentials | None = None
    connections: int = 4
    rules: tuple[RefusalRule, ...] = ()
    lmtp: bool = False
    delivery_options: DeliveryOptions = DeliveryOptions()
