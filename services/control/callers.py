"""Who makes a request, and whether it may: every route names the permission that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.control.problems import NO_SUCH_THING, Problem
from services.control.sessions import check_rate, sender_of, session_secret
from services.control.state import Control
from shared.access import Access, Permission, Principal, access_to
from shared.access.tokens import TOKEN_MARK
from shared.operations.people import Doer, SignedIn

CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mailferry"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request. `session` is None for a token."""

    principal: Principal
    address: str
    session: SignedIn | None = None

    @property
    def doer(self) -> Doer:
        """The caller, for the audit."""
        return Doer(self.principal.id, self.address)


def control_of(request: Request) -> Control:
    """Return what the routes work with."""
    control: Control = request.app.state.control
    return control


async def caller_of(request: Request) -> Caller:
    """Return who makes the request, found once. Raises `Problem`."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    control = control_of(request)
    address = sender_of(request)
    check_rate(control.failures.is_exhausted(address))
    caller = await _authenticated(control, request, address)
    if caller is None:
        control.failures.wait_for(address)
        raise Problem(401, "not_signed_in", "a valid token or session is needed", headers=CHALLENGE)
    check_rate(control.limit.wait_for(caller.principal.id))
    request.state.caller = caller
    return caller


async def is_still_valid(request: Request, caller: Caller) -> bool:
    """Return whether the request's token or session is still good for the same principal."""
    found = await _authenticated(control_of(request), request, caller.address)
    return found is not None and found.principal == caller.principal


async def _authenticated(control: Control, request: Request, address: str) -> Caller | None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.startswith(TOKEN_MARK):
        principal = await control.tokens.principal_of(secret.strip())
        return None if principal is None else Caller(principal, address)
    signed_in = await control.sign_ins.session_of(session_secret(request))
    if signed_in is None:
        return None
    csrf = request.headers.get(CSRF_HEADER, "") or str(getattr(request.state, "csrf_of_form", ""))
    if request.method not in SAFE and not control.sign_ins.is_own_form(signed_in, csrf):
        raise Problem(403, "csrf_token_missing", f"{CSRF_HEADER} is missing or is not that of the session")
    return Caller(signed_in.principal, address, signed_in)


class Needs:
    """A permission that a route needs, for the tenant and the account that its path names.

    `of_service`: it is for what belongs to no tenant. Otherwise, a path without a tenant shows only what the
    caller sees anyway.
    """

    def __init__(self, permission: Permission, *, of_service: bool = False) -> None:
        self.permission = permission
        self.of_service = of_service

    async def __call__(self, request: Request) -> None:
        """Raise a problem unless the caller may. What another tenant has is not found, whether it exists or
        not, before anything is looked up: so the answer takes as long.
        """
        principal = (await caller_of(request)).principal
        path = request.path_params
        tenant, account = path.get("tenant"), path.get("account")
        if tenant is None and not self.of_service:
            tenant = principal.tenant or ""
            account = None
        full = None if account is None else f"{tenant}/{account}"
        check_access(access_to(principal, self.permission, tenant=tenant, account=full), self.permission)


def check_access(access: Access, permission: Permission) -> None:
    """Raise the problem that an answer other than "allowed" is."""
    if access is Access.HIDDEN:
        raise Problem(404, "not_found", NO_SUCH_THING)
    if access is Access.FORBIDDEN:
        raise Problem(403, "not_permitted", f"this needs the permission {permission}")


TheControl = Annotated[Control, Depends(control_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
