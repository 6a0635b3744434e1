"""A target: the mail server that people read their mail on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import SecretStr

from shared.model.endpoint import Endpoint
from shared.model.refusal import RefusalRule


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


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """What the target is spared, and what it is told.

    A connection is given up after `mails` and after `age` seconds. All processes of a machine together have
    no more than `host_connections`; 0 is no limit. A mail with more than `recipients` goes in several
    transactions. `dsn`: the notifications that it is asked for, () for saying nothing about them.
    """

    mails: int = 1000
    age: float = 300.0
    recipients: int = 100
    dsn: tuple[str, ...] = ()
    client: ClientReport = ClientReport.NONE
    host_connections: int = 0


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
    manners: DeliveryOptions = DeliveryOptions()
