"""Signing in and out, and who one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, SecretStr

from services.control.callers import TheCaller, TheControl
from services.control.problems import documented
from services.control.resources.shapes import USER_PATTERN, Shape
from services.control.routes import ApiRoute
from services.control.sessions import begin_session, check_tries, end_session, sender_of
from shared.access import permissions_of
from shared.operations.people import SignedIn

api = APIRouter(route_class=ApiRoute)


class Credentials(Shape):
    """How a person signs in."""

    name: Annotated[str, Field(pattern=USER_PATTERN, examples=["otto"])]
    password: Annotated[SecretStr, Field(max_length=256)]
    code: Annotated[str, Field(max_length=40, description="The one-time or recovery code, if any.")] = ""


class LinkSecret(Shape):
    """The last part of a sign-in link."""

    secret: Annotated[SecretStr, Field(max_length=100)]
    code: Annotated[str, Field(max_length=40, description="The one-time or recovery code, if any.")] = ""


class Me(BaseModel):
    """Who one is, and what one may do. `csrf_token` goes into the header `X-CSRF-Token` of a session."""

    name: str
    role: str
    tenant: str | None
    accounts: list[str]
    permissions: list[str]
    csrf_token: str | None = None


@api.get("/me", responses=documented(400, 401, 429, 503), tags=["sessions"])
async def show_me(caller: TheCaller) -> Me:
    """Show who one is."""
    return _me(caller)


@api.post("/sessions", responses=documented(400, 401, 408, 413, 422, 429, 503), tags=["sessions"])
async def sign_in(given: Credentials, request: Request, response: Response, control: TheControl) -> Me:
    """Sign in by password; the session's secret is in a cookie."""
    check_tries(control, request)
    password, address = given.password.get_secret_value(), sender_of(request)
    signed_in = await control.sign_ins.sign_in(given.name, password, given.code, address)
    begin_session(request, response, signed_in)
    return _shown(signed_in)


@api.post("/sessions/by-link", responses=documented(400, 401, 408, 413, 422, 429, 503), tags=["sessions"])
async def sign_in_by_link(given: LinkSecret, request: Request, response: Response, control: TheControl) -> Me:
    """Sign in by a link, which is used up by that."""
    check_tries(control, request)
    secret, address = given.secret.get_secret_value(), sender_of(request)
    signed_in = await control.sign_ins.sign_in_by_link(secret, given.code, address)
    begin_session(request, response, signed_in)
    return _shown(signed_in)


@api.delete(
    "/sessions/current", responses=documented(400, 401, 403, 429, 503), status_code=204, tags=["sessions"]
)
async def sign_out(caller: TheCaller, control: TheControl, request: Request, response: Response) -> None:
    """Sign out."""
    if caller.session is not None:
        await control.sign_ins.sign_out(caller.session.secret)
    end_session(request, response)


def _me(caller: TheCaller) -> Me:
    if caller.session is not None:
        return _shown(caller.session)
    principal = caller.principal
    return Me(
        name=principal.name,
        role=principal.role,
        tenant=principal.tenant,
        accounts=sorted(principal.accounts),
        permissions=sorted(permissions_of(principal)),
    )


def _shown(signed_in: SignedIn) -> Me:
    principal = signed_in.principal
    return Me(
        name=principal.name,
        role=principal.role,
        tenant=principal.tenant,
        accounts=sorted(principal.accounts),
        permissions=sorted(permissions_of(principal)),
        csrf_token=signed_in.csrf,
    )
