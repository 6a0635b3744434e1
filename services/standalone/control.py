"""The control service in a process: with what fetcher and router lend it, and the first sign-in link."""

from __future__ import annotations

import secrets
from functools import partial

import structlog

from services.control.build import build_control, operator_context
from services.control.service import ControlService
from services.control.state import Tools
from services.fetcher.mailboxes.opening import open_account
from services.router.explaining import explain_mail
from shared.access import Role
from shared.config import Configuration
from shared.operations.people import NewUser, SignIns, Users
from shared.operations.public_urls import SIGN_IN, public_url
from shared.runtime.opening import open_runtime
from shared.runtime.process import Load
from shared.runtime.run_services import run_services
from shared.runtime.runtime import Runtime

FIRST_USER = "operator"

log = structlog.get_logger("mailferry.control")


def control_service(configuration: Configuration, runtime: Runtime) -> ControlService | None:
    """Return the service; None where it is switched off. Raises `ConfigurationError`."""
    open_mailbox = partial(open_account, grants=runtime.grants)
    return build_control(configuration, runtime, Tools(open_mailbox, explain_mail))


async def serve(configuration: Configuration, load: Load) -> None:
    """Run the control service alone until a signal ends it."""
    configuration.require_shared("control")
    async with open_runtime(configuration, "mailferry-control") as runtime:
        service = control_service(configuration, runtime)
        services = {} if service is None else {"control": service}
        await run_services(services, runtime, configuration, load)


async def first_sign_in_link(configuration: Configuration, runtime: Runtime) -> str | None:
    """Return a link by which the first person signs in, once; None where somebody is there already."""
    listen = configuration.control.listen
    context = operator_context(configuration, runtime)
    users = Users(context)
    if listen is None or await users.list(limit=1):
        return None
    await users.add(NewUser(FIRST_USER, Role.OPERATOR))
    link = await SignIns(context, secrets.token_bytes).link(FIRST_USER)
    return public_url(configuration, SIGN_IN + link)
