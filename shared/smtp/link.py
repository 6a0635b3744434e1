"""A connection as a pool sees it."""

from __future__ import annotations

from dataclasses import dataclass

from shared.smtp.client import SmtpClient


@dataclass(slots=True, eq=False)
class Link:
    """`born` and `idle_since` are monotonic seconds; `prompt`: the last mail had its answer without delay."""

    client: SmtpClient
    born: float
    idle_since: float = 0.0
    prompt: bool = False
