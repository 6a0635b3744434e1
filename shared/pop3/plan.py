"""How to log in on the next connection, and what was learnt from the last one."""

from __future__ import annotations

from dataclasses import dataclass

from shared.model.authentication import DETECTIONS
from shared.model.errors import MailferryError
from shared.model.source_errors import SourceError


@dataclass(frozen=True, slots=True)
class LoginPlan:
    """`auth` are the methods that the account names, in their order; () for the default ones.

    `preferred`: the method that worked last time; it goes first if it is allowed and offered.
    `without`: methods that failed on an earlier connection; `refusal` says why the last of them was refused.
    `detect`: which of "capa", "auth" and "banner" to look at; `again`: ask for CAPA once more when logged in;
    `ahead`: and with it for the listing, where the server pipelines.
    `encrypt`: use STLS where the endpoint wants it; `verify`: and the server is to be verified, as the
    endpoint says. `initial_response`: send SASL's first message along with
    AUTH; some servers want it on a line of its own.
    """

    auth: tuple[str, ...] = ()
    preferred: str | None = None
    without: frozenset[str] = frozenset()
    refusal: SourceError | None = None
    detect: frozenset[str] = frozenset(DETECTIONS)
    again: bool = True
    ahead: bool = True
    encrypt: bool = True
    verify: bool = True
    initial_response: bool = True


class TryWithout(SourceError):
    """This connection is lost, but a new one may do with `plan`, which leaves out what failed because of
    `reason`.
    """

    def __init__(self, plan: LoginPlan, reason: MailferryError) -> None:
        super().__init__(str(reason))
        self.plan = plan
        self.reason = reason
