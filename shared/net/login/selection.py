"""Choose which login methods are tried, and in which order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from shared.model.authentication import BY_NAME, METHODS, Exposure, Method
from shared.net.login.plan import LoginPlan

PLUS = "-PLUS"
USER = "USER"


@dataclass(frozen=True, slots=True)
class Offer:
    """What is known of a server's methods on the connection as it is now; names in upper case.

    `announced`: None where the server does not say. `own_commands`: the protocol's own login commands that
    are possible; all but USER are announced thereby. `encrypted`: there is TLS. `clear_is_fine`: the account
    wants no TLS.
    """

    announced: tuple[str, ...] | None = None
    own_commands: Collection[str] = (USER,)
    encrypted: bool = False
    clear_is_fine: bool = False


def candidates(plan: LoginPlan, offer: Offer, *, token: bool) -> tuple[str, ...]:
    """Return the methods to try; `token` says whether there is a token or a password to log in with.

    Methods that the account names are used in any case, and in its order. Without TLS the default methods are
    used only if they neither show the password nor help to guess it, unless the account wants no TLS.
    """
    allowed = [method for method in _allowed(plan, offer) if method.token == token]
    possible = [
        method.name
        for method in _offered(allowed, offer, named=bool(plan.auth), preferred=plan.preferred)
        if _is_possible(method, offer)
    ]
    possible.sort(key=lambda name: name != plan.preferred)
    return tuple(name for name in possible if name not in plan.without)


def _allowed(plan: LoginPlan, offer: Offer) -> list[Method]:
    if plan.auth:
        return [BY_NAME[name.lower()] for name in plan.auth if name.lower() in BY_NAME]
    return [method for method in METHODS if method.default and _is_safe(method, offer)]


def _is_safe(method: Method, offer: Offer) -> bool:
    return offer.encrypted or offer.clear_is_fine or method.exposure is Exposure.PROOF


def _offered(allowed: list[Method], offer: Offer, *, named: bool, preferred: str | None) -> list[Method]:
    """Return the methods that the server has, by what it says.

    Where it says nothing, all named methods are tried, but of the default ones only what every server has,
    since each unknown command can count as a failed login. USER is tried unannounced where the server
    announces no method at all, or where nothing else is allowed: servers forget to announce it, and those
    that mean it refuse the user name before the password is sent.
    """
    if offer.announced is None:
        likely = {USER.lower(), preferred}
        return [method for method in allowed if named or method.token or method.name in likely]
    forgets_user = not offer.announced or [method.name for method in allowed] == [USER.lower()]
    own_commands = [name for name in offer.own_commands if name != USER or forgets_user]
    announced = {*offer.announced, *own_commands}
    return [method for method in allowed if method.name.upper() in announced]


def _is_possible(method: Method, offer: Offer) -> bool:
    """Return whether the connection has what the method needs, whatever the server says."""
    name = method.name.upper()
    if method.is_own_command:
        return name in offer.own_commands
    return offer.encrypted or not name.endswith(PLUS)
