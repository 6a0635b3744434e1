"""Which methods are tried, and in which order: decided from the account's wish and the server's offer."""

from __future__ import annotations

from shared.model.authentication import BY_NAME, METHODS, Exposure, Method
from shared.pop3.offer import APOP, USER, Offer
from shared.pop3.plan import LoginPlan


def candidates(plan: LoginPlan, offer: Offer, *, token: bool) -> tuple[str, ...]:
    """The methods to try; `token` says whether there is a token or a password to log in with.

    Methods that the account names are used in any case, and in its order. Without TLS the default ones are
    used only as far as they do not show the password or help to guess it, unless the account wants no TLS.
    """
    allowed = [method for method in _allowed(plan, offer) if method.token == token]
    there = [
        method.name for method in _there(allowed, offer, named=bool(plan.auth), preferred=plan.preferred)
    ]
    there.sort(key=lambda name: name != plan.preferred)
    return tuple(name for name in there if name not in plan.without)


def _allowed(plan: LoginPlan, offer: Offer) -> list[Method]:
    if plan.auth:
        return [BY_NAME[name.lower()] for name in plan.auth if name.lower() in BY_NAME]
    return [method for method in METHODS if method.default and _is_safe(method, offer)]


def _is_safe(method: Method, offer: Offer) -> bool:
    return offer.encrypted or offer.clear_is_fine or method.exposure is Exposure.PROOF


def _there(allowed: list[Method], offer: Offer, *, named: bool, preferred: str | None) -> list[Method]:
    """Those that the server has, by what it says.

    Where it says nothing, all that were named are tried, and of the default ones only what every server has,
    since each unknown command can count as a failed login. USER stays in where the server announces no
    method at all, or where nothing else is allowed: servers forget to announce it, and refuse the name before
    the password is sent if they mean it.
    """
    if offer.announced is None:
        likely = {USER.lower(), preferred}
        return [
            method
            for method in allowed
            if (named or method.token or method.name in likely) and _is_possible(method, offer)
        ]
    forgets_user = not offer.announced or [method.name for method in allowed] == [USER.lower()]
    announced = {*offer.announced, APOP, *((USER,) if forgets_user else ())}
    return [method for method in allowed if method.name.upper() in announced and _is_possible(method, offer)]


def _is_possible(method: Method, offer: Offer) -> bool:
    """Whether the connection has what the method builds on, whatever the server says."""
    if method.name.upper() == APOP:
        return bool(offer.timestamp)
    return offer.encrypted or not method.name.endswith("-plus")
