"""How to log in on the next connection, and what was learnt from the last one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from shared.model.errors import MailferryError
from shared.model.source_errors import SourceError


@dataclass(frozen=True, slots=True)
class LoginPlan:
    """What to do on a connection.

    `auth`: the methods that the account names, in their order; () for the default ones.
    `preferred`: the method that worked last time. It goes first if it is allowed and offered.
    `without`: methods that failed on an earlier connection; `refusal`: why the last of them was refused.
    `steps`: the steps that the protocol may leave out, and that no server has stumbled over yet.
    `encrypt`: start TLS where the endpoint wants it; `verify`: check the certificate as the endpoint says.
    `initial_response`: send SASL's first message along with the command that names the mechanism, except for
    the mechanisms (in upper case) of `no_initial_response`.
    """

    auth: tuple[str, ...] = ()
    preferred: str | None = None
    without: frozenset[str] = frozenset()
    refusal: SourceError | None = None
    steps: frozenset[str] = frozenset()
    encrypt: bool = True
    verify: bool = True
    initial_response: bool = True
    no_initial_response: frozenset[str] = frozenset()

    def leaving_out(self, *steps: str) -> Self:
        """Return the plan without these steps."""
        return replace(self, steps=self.steps - {*steps})

    def without_methods(self, methods: Iterable[str], refusal: SourceError | None = None) -> Self:
        """Return the plan without these methods, which failed; `refusal`: what the server said to it."""
        return replace(self, without=self.without | {*methods}, refusal=refusal or self.refusal)

    def sends_initial(self, mechanism: str) -> bool:
        """Return whether the first message of `mechanism` goes along with its name."""
        return self.initial_response and mechanism.upper() not in self.no_initial_response


class TryWithout(SourceError):
    """This connection is lost. A new one may succeed with `plan`, without what failed for `reason`."""

    def __init__(self, plan: LoginPlan, reason: MailferryError) -> None:
        super().__init__(str(reason))
        self.plan = plan
        self.reason = reason
