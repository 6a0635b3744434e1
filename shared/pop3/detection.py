"""Asking a server what it offers: CAPA (RFC 2449), and AUTH without an argument where CAPA is not known.

Servers exist that hang up on either, count it as a failed login, or answer nonsense; so each can be switched
off, and what breaks the connection is left out on the next one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import TypeVar

from shared.model.source_errors import SourceViolation
from shared.net.errors import ConnectionLost, InactivityTimeout
from shared.pop3 import commands
from shared.pop3.capabilities import UNKNOWN, Capabilities, parse_capabilities
from shared.pop3.commands import Command
from shared.pop3.conversation import Answer, Conversation
from shared.pop3.events import Body
from shared.pop3.offer import parse_listed
from shared.pop3.plan import LoginPlan, TryWithout

CAPA = "capa"
AUTH = "auth"
BANNER = "banner"

Result = TypeVar("Result")


async def capabilities(conversation: Conversation, plan: LoginPlan) -> Capabilities:
    """What CAPA says, or `UNKNOWN`. Raises `TryWithout`."""
    if CAPA not in plan.detect:
        return UNKNOWN
    smaller = replace(plan, detect=plan.detect - {CAPA})
    answer = await _or_without(smaller, conversation.ask(commands.CAPA))
    return parse_capabilities(answer.data) if isinstance(answer, Body) else UNKNOWN


async def capabilities_again(
    conversation: Conversation, plan: LoginPlan, before: Capabilities, behind: Sequence[Command] = ()
) -> Capabilities:
    """What CAPA says after the login, which may be more (RFC 2449, section 5); `before` if it says nothing.

    The commands `behind` are sent with it, and their answers left to be read. Raises `TryWithout`.
    """
    if not asks_again(plan, before):
        return before
    smaller = replace(plan, ahead=False) if behind else replace(plan, again=False)
    answer = await _or_without(smaller, conversation.ask(commands.CAPA, behind))
    return parse_capabilities(answer.data) if isinstance(answer, Body) else before


def asks_again(plan: LoginPlan, before: Capabilities) -> bool:
    """Whether CAPA is asked after the login, too."""
    return plan.again and before.known


async def answers_ahead(conversation: Conversation, plan: LoginPlan, count: int) -> Sequence[Answer]:
    """The answers to what was sent behind CAPA. A server that said before the login that it pipelines may
    know nothing of it afterwards, and have thrown the rest away, or mixed it up. Raises `TryWithout`.
    """
    smaller = replace(plan, ahead=False)
    try:
        return await _or_without(smaller, conversation.answers(count))
    except SourceViolation as error:
        raise TryWithout(smaller, error) from error


async def listed(conversation: Conversation, plan: LoginPlan) -> tuple[str, ...] | None:
    """The mechanisms that a bare AUTH lists; None if it is not understood. Raises `TryWithout`."""
    if AUTH not in plan.detect:
        return None
    smaller = replace(plan, detect=plan.detect - {AUTH})
    try:
        answer = await _or_without(smaller, conversation.ask(commands.METHODS))
    except SourceViolation as error:
        raise TryWithout(smaller, error) from error
    return parse_listed(answer.data) if isinstance(answer, Body) else None


async def _or_without(smaller: LoginPlan, question: Awaitable[Result]) -> Result:
    try:
        return await question
    except (ConnectionLost, InactivityTimeout) as error:
        raise TryWithout(smaller, error) from error
