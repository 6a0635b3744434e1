"""A target: the mail server that mail is delivered to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import Field, PlainValidator, SecretStr

from shared.model.duration import Duration
from shared.model.endpoint import Endpoint
from shared.model.errors import quoted
from shared.model.oauth import GrantRef, target_grant
from shared.model.refusal import RefusalRule
from shared.model.setting import Settings, duration, setting

NEVER = "never"
NOTIFICATIONS = ("success", "failure", "delay")


def dsn_notifications(value: object) -> tuple[str, ...]:
    """Check the delivery status notifications that a target is asked for (RFC 3461, section 4.1).

    () leaves it to the target. Raises ValueError.
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
class TargetCredentials:
    """What to log in with at the target.

    `methods`: the SASL mechanisms that are allowed, in the order of preference; () for those that suit the
    connection. `token_file` is read anew for each login and replaces the password; so does the token that
    Mailferry gets itself by `oauth_app`.
    """

    username: str
    password: SecretStr = field(repr=False)
    methods: tuple[str, ...] = ()
    token_file: str | None = None
    oauth_app: str | None = None


class ClientReport(StrEnum):
    """How the client that a mail came from is reported to a target that trusts us (Postfix)."""

    NONE = "none"
    XCLIENT = "xclient"
    XFORWARD = "xforward"


class DeliveryOptions(Settings):
    """How a target's connections are used, and what is reported to the target."""

    removed_keys: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"host_connections": 'Use "connections", which limits each process.'}
    )

    connection_mails: int = setting(1000, "Mails after which a connection is made anew.", ge=1)
    connection_age: Duration = duration(300.0, "Time after which a connection is made anew.", gt=0)
    max_recipients: int = setting(
        100, "Recipients of one transaction; a mail with more goes in several.", ge=1
    )
    dsn: Annotated[tuple[str, ...], PlainValidator(dsn_notifications)] = setting(
        (),
        "Delivery status notifications that the target is asked for. An empty list leaves it to the target.",
        form='"never" or a list of "success", "failure", "delay"',
        example="never",
    )
    client: Annotated[ClientReport, Field(strict=False)] = setting(
        ClientReport.NONE, "How the client that a mail came from is reported to a target that trusts us."
    )


@dataclass(frozen=True, slots=True)
class Target:
    """A server that mail is delivered to, over at most `connections` connections of one process at a time.

    `rules` decide about its refusals; a refusal that no rule matches is handled by the defaults.
    """

    name: str
    endpoint: Endpoint
    credentials: TargetCredentials | None = None
    connections: int = 4
    rules: tuple[RefusalRule, ...] = ()
    lmtp: bool = False
    delivery_options: DeliveryOptions = DeliveryOptions()
    enabled: bool = True

    @property
    def grant(self) -> GrantRef | None:
        """The grant that it is logged in to by; None where it has a password, a token or no login."""
        given = self.credentials
        if given is None or given.oauth_app is None:
            return None
        return GrantRef(target_grant(self.name), given.oauth_app, given.username, "smtp")
