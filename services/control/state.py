"""What the routes work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from services.control.rate_limit import RateLimit
from services.control.streams import Streams
from shared.config.settings import ControlSettings
from shared.operations.context import OperatorContext
from shared.operations.explanation import ExplainMail
from shared.operations.login_runs import LoginRuns
from shared.operations.mailboxes import OpenMailbox
from shared.operations.objects import Objects
from shared.operations.people import SignIns, Tokens
from shared.ports.broker import Broker


@dataclass(frozen=True, slots=True)
class Tools:
    """What other services know how to do: opening a mailbox, and explaining who gets a mail."""

    open_mailbox: OpenMailbox
    explain_mail: ExplainMail


@dataclass(frozen=True, slots=True)
class Control:
    """The operations of an installation, for the routes."""

    context: OperatorContext
    settings: ControlSettings
    objects: Objects
    sign_ins: SignIns
    tokens: Tokens
    tools: Tools
    broker: Broker
    logins: LoginRuns
    limit: RateLimit
    failures: RateLimit
    streams: Streams
    entropy: Callable[[int], bytes] = field(repr=False)
