"""Where browsers come back from a provider, from the sign-in of a mailbox's owner or of a person here."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.control.callers import TheControl
from services.control.console.navigation import text
from services.control.console.view import open_view
from services.control.sessions import begin_session, check_tries, sender_of
from services.control.state import Control
from shared.model.errors import MailferryError
from shared.oauth.requests import UnfitRedirect
from shared.operations.connecting import Connecting
from shared.operations.oauth_authorizing import LASTS, Authorizations, Begun
from shared.operations.oidc import FOR_SIGN_IN, OidcRefused, OidcSignIns
from shared.operations.public_urls import OAUTH_CALLBACK, OIDC_SIGN_IN

routes = APIRouter(include_in_schema=False)
DONE, NOT_DONE = text("You have signed in"), text("This did not work")
TRIES_NOW = text("Mailferry tries the mailbox now. You may close this window.")
STATE_COOKIE = "mailferry_sign_in"
"""Has the state of a sign-in, so that nobody is signed in by a browser that did not begin it."""


@routes.get(OIDC_SIGN_IN)
async def begin_oidc(request: Request, control: TheControl) -> Response:
    """Send the browser to the identity provider."""
    check_tries(control, request)
    begun = await _oidc(control).begin()
    response = RedirectResponse(begun.url, 303)
    response.set_cookie(
        STATE_COOKIE,
        begun.state,
        max_age=int(LASTS),
        path=OAUTH_CALLBACK,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


@routes.get(OAUTH_CALLBACK)
async def come_back(request: Request, control: TheControl) -> Response:
    """Take the answer of a provider from the browser."""
    check_tries(control, request)
    try:
        begun = await Authorizations(control.context).take(str(request.url))
    except UnfitRedirect as error:
        return _result_page(request, NOT_DONE, str(error), 409)
    if begun.purpose == FOR_SIGN_IN:
        return await _signed_in(request, control, begun)
    return await _connected(request, control, begun)


async def _signed_in(request: Request, control: Control, begun: Begun) -> Response:
    """Sign a person in."""
    kept = request.cookies.get(STATE_COOKIE, "")
    try:
        signed_in = await _oidc(control).finish(begun, str(request.url), kept, sender_of(request))
    except OidcRefused as refusal:
        return _result_page(request, NOT_DONE, str(refusal), 403)
    response = RedirectResponse("/", 303)
    response.delete_cookie(STATE_COOKIE, path=OAUTH_CALLBACK)
    begin_session(request, response, signed_in)
    return response


async def _connected(request: Request, control: Control, begun: Begun) -> Response:
    """Begin the login test that saves the sign-in of a mailbox's owner."""
    connecting = Connecting(control.context, control.objects, control.logins)
    try:
        came_back = await connecting.finish_sign_in(begun, str(request.url), sender_of(request))
    except MailferryError as error:
        return _result_page(request, NOT_DONE, str(error), 409)
    response = _result_page(request, DONE, TRIES_NOW, 200)
    response.headers["X-Login-Test"] = came_back.test
    return response


def _result_page(request: Request, title: str, sentence: str, status: int) -> Response:
    """Return a page for somebody who need not be known here."""
    return open_view(request).page(
        "sign_in_result.html", status, title=title, sentence=sentence, is_done=status == 200
    )


def _oidc(control: Control) -> OidcSignIns:
    return OidcSignIns(control.context, control.sign_ins)
