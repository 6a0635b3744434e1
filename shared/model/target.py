"""A target: the mail server that people read their mail on."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

from shared.model.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are at the target."""

    username: str
    password: SecretStr = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Where mail is delivered, by at most `connections` connections of one process at a time."""

    name: str
    endpoint: Endpoint
    credentials: Credentials | None = None
    connections: int = 4
