"""Build the control service from the configuration and the ports of its process."""

from __future__ import annotations

import secrets
import time

from services.control.rate_limit import RateLimit
from services.control.server import check_exposure
from services.control.service import ControlService
from services.control.state import Control, Tools
from services.control.streams import Streams
from shared.config import Configuration
from shared.operations.context import OperatorContext, context_of
from shared.operations.login_runs import LoginRuns
from shared.operations.objects import objects_of
from shared.operations.people import SignIns, Tokens
from shared.ports.broker import Broker
from shared.runtime.runtime import Runtime

TRIES_PER_MINUTE = 30
"""Requests of one address that prove nothing, and tries to sign in. Guessing a token is hopeless anyway."""


def build_control(configuration: Configuration, runtime: Runtime, tools: Tools) -> ControlService | None:
    """Return the service; None where it is switched off. Raises `ConfigurationError`."""
    listen = configuration.control.listen
    if listen is None:
        return None
    check_exposure(configuration.control, configuration.document.origin)
    return ControlService(control_on(operator_context(configuration, runtime), tools, runtime.broker), listen)


def operator_context(configuration: Configuration, runtime: Runtime) -> OperatorContext:
    """Return what the operations work with, on the ports of this process."""
    assert runtime.oauth is not None, "a process opens it"
    return context_of(
        configuration, runtime.store, runtime.blobs, runtime.clock, runtime.registry, runtime.oauth
    )


def control_on(context: OperatorContext, tools: Tools, broker: Broker) -> Control:
    """Return the operations for the routes."""
    settings, entropy = context.configuration.control, secrets.token_bytes
    return Control(
        context=context,
        settings=settings,
        objects=objects_of(context),
        sign_ins=SignIns(context, entropy),
        tokens=Tokens(context, entropy),
        tools=tools,
        broker=broker,
        logins=LoginRuns(context, tools.open_mailbox, tools.explain_mail, entropy),
        limit=RateLimit(settings.requests_per_minute, time.monotonic),
        failures=RateLimit(TRIES_PER_MINUTE, time.monotonic),
        streams=Streams(),
        entropy=entropy,
    )
