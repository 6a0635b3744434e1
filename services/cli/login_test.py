"""What came of trying a server: one sentence for people, details for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.cli.advice import advice
from shared.model.errors import MailferryError


@dataclass(frozen=True, slots=True)
class LoginTest:
    """`step` and `advice` are set where it failed; `advice` may be set where it did not, as a recommendation.

    `details` are what the server said about itself and what is there.
    """

    kind: str
    name: str
    server: str
    ok: bool
    sentence: str
    temporary: bool = False
    step: str | None = None
    advice: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def failed(
    kind: str, name: str, server: str, error: MailferryError, details: Mapping[str, object]
) -> LoginTest:
    """What to tell about an error."""
    step, what_to_do = advice(error)
    return LoginTest(kind, name, server, False, str(error), error.temporary, step, what_to_do, details)
