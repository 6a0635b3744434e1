"""A target: the mail server that people read their mail on."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

from shared.model.endpoint import Endpoint
from shared.model.refusal import RefusalRule


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are at the target."""

    username: str
    password: SecretStr = field(repr=False)


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
