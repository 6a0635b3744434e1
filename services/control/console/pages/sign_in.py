"""Signing in by password or link, and signing out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse

from services.control.console.view import OpenView, TheView, View, local_path
from services.control.sessions import begin_session, check_tries, end_session, sender_of, session_secret
from shared.model.errors import MailferryError
from shared.operations.people import CodeNeeded, LinkUnusable, SignedIn, SignInRefused, TooManyTries
from shared.operations.public_urls import OIDC_SIGN_IN

pages = APIRouter()
Next = Annotated[str, Query(max_length=2000)]


@pages.get("/sign-in")
async def show_sign_in(view: OpenView, next: Next = "/") -> Response:
    """Show the form. A link's secret follows `#`, and the page's script sends it."""
    if await view.control.sign_ins.session_of(session_secret(view.request)) is not None:
        return RedirectResponse(local_path(next), 303)
    return _form(view, 200, next=local_path(next))


@pages.post("/sign-in")
async def sign_in(view: OpenView) -> Response:
    """Sign in by password."""
    check_tries(view.control, view.request)
    name, password, code = (_field(view, each) for each in ("name", "password", "code"))
    try:
        signed_in = await view.control.sign_ins.sign_in(name, password, code, sender_of(view.request))
    except (SignInRefused, CodeNeeded, TooManyTries) as refusal:
        return _again(view, refusal, name)
    return _begun(view, signed_in)


@pages.post("/sign-in/link")
async def sign_in_by_link(view: OpenView) -> Response:
    """Sign in by a link, which is used up by that."""
    check_tries(view.control, view.request)
    try:
        signed_in = await view.control.sign_ins.sign_in_by_link(
            _field(view, "secret"), _field(view, "code"), sender_of(view.request)
        )
    except (LinkUnusable, CodeNeeded, SignInRefused, TooManyTries) as refusal:
        return _again(view, refusal, "")
    return _begun(view, signed_in)


@pages.post("/sign-out")
async def sign_out(view: TheView) -> Response:
    """Sign out."""
    await view.control.sign_ins.sign_out(session_secret(view.request))
    response = RedirectResponse("/sign-in", 303)
    end_session(view.request, response)
    return response


def _begun(view: View, signed_in: SignedIn) -> Response:
    response = RedirectResponse(local_path(_field(view, "next")), 303)
    begin_session(view.request, response, signed_in)
    return response


def _again(view: View, refusal: MailferryError, name: str) -> Response:
    next_page = local_path(_field(view, "next"))
    return _form(view, 401, next=next_page, name=name, problem=str(refusal))


def _form(view: View, status: int, **values: object) -> Response:
    """The form, with a way to the identity provider where there is one."""
    oidc = view.control.context.configuration.oidc
    provider = oidc.title if oidc.issuer is not None else None
    return view.page("sign_in.html", status, provider=provider, provider_path=OIDC_SIGN_IN, **values)


def _field(view: View, name: str) -> str:
    """A field of the form, without what no field of it would have."""
    value = view.form.get(name, "")
    return value.strip()[:1000] if isinstance(value, str) and name != "password" else str(value)[:1000]
