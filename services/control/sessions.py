"""The cookie of a session, and the limit on tries to sign in: the same for API and console."""

from __future__ import annotations

import ipaddress

from fastapi import Request, Response

from services.control.problems import Problem
from services.control.rate_limit import seconds_text
from services.control.state import Control
from shared.operations.people import SESSION_IDLE, SignedIn

COOKIE = "__Host-mailferry"
CLEAR_COOKIE = "mailferry-without-tls"
"""Browsers accept a cookie that is `Secure` over TLS only, so a console without it has one of its own."""


def session_secret(request: Request) -> str:
    """Return the secret of the session that a request belongs to; "" where it has none."""
    return request.cookies.get(_name(request), "")


def begin_session(request: Request, response: Response, signed_in: SignedIn) -> None:
    """Have the browser keep a session.

    `lax`, not `strict`: a link to a page, from a mail or from a sign-in at a provider, finds the session.
    What changes anything needs the CSRF token, too.
    """
    name = _name(request)
    response.set_cookie(
        name,
        signed_in.secret,
        max_age=int(SESSION_IDLE),
        secure=name == COOKIE,
        httponly=True,
        samesite="lax",
    )


def end_session(request: Request, response: Response) -> None:
    """Have the browser forget its session."""
    name = _name(request)
    response.delete_cookie(name, secure=name == COOKIE, httponly=True, samesite="lax")


def check_tries(control: Control, request: Request) -> None:
    """Count a request of somebody who has proven nothing against its address: passwords are guessed so, and
    hashing one is dear. Raises `Problem`.
    """
    check_rate(control.failures.wait_for(sender_of(request)))


def check_rate(seconds: float) -> None:
    """Raise a problem if the caller has to wait so long."""
    if seconds > 0:
        wait = seconds_text(seconds)
        raise Problem(429, "too_many_requests", f"try again in {wait} s", headers={"Retry-After": wait})


def sender_of(request: Request) -> str:
    """Return the network address that a request comes from."""
    return request.client.host if request.client is not None else ""


def _name(request: Request) -> str:
    """The cookie's name: one without TLS only on this machine, or where the operator wants none."""
    control: Control = request.app.state.control
    is_clear = request.url.scheme == "http"
    return CLEAR_COOKIE if is_clear and (control.settings.without_tls or _is_here(request)) else COOKIE


def _is_here(request: Request) -> bool:
    """Whether the browser itself names this machine: then nothing of the request crossed a network."""
    host = request.url.hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
