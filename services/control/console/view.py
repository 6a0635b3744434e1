"""What a page is made with: who reads it, what it may show, and the templates."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from services.control.callers import Caller, Needs, caller_of, control_of
from services.control.console.navigation import entries_of
from services.control.console.notices import COOKIE as NOTICE_COOKIE
from services.control.console.notices import Notice, Undo, keep_notice, kept_notice
from services.control.console.reader import Reader, reader_of
from services.control.console.templates import rendered
from services.control.problems import Problem
from services.control.sessions import session_secret
from services.control.state import Control
from shared.access import Permission, access_to
from shared.access.roles import Access

PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Vary": "Cookie, Accept-Language",
}
"""Pages may load what this server has, and no script or style in themselves. Tabler's own style has pictures
as `data:`.
"""
MOST_FILES = 20
"""Files of one form: an import may come with a file of state for each account."""
OTHER_SITES = frozenset({"cross-site", "same-site"})


@dataclass(frozen=True, slots=True)
class View:
    """A page under way. `caller` is None where nobody is signed in."""

    request: Request
    control: Control
    reader: Reader
    caller: Caller | None = None
    notice: Notice | None = None
    form: FormData = field(default_factory=FormData)

    @property
    def me(self) -> Caller:
        """Who is signed in."""
        assert self.caller is not None, "the page needs a session"
        return self.caller

    @property
    def csrf(self) -> str:
        """What each form of this session carries."""
        session = None if self.caller is None else self.caller.session
        return "" if session is None else session.csrf

    @property
    def is_partial(self) -> bool:
        """Whether htmx asks for a part of the page."""
        return self.request.headers.get("HX-Request") == "true"

    def may(self, permission: str, tenant: str | None = "", account: str | None = None) -> bool:
        """Return whether the reader may do something to an object; None as tenant: to the whole service."""
        principal = self.me.principal
        tenant = (principal.tenant or "") if tenant == "" else tenant
        wanted = Permission(permission)
        return access_to(principal, wanted, tenant=tenant, account=account) is Access.ALLOWED

    def require(self, permission: Permission) -> None:
        """Raise `Problem` unless the reader has a permission for its own objects."""
        if not self.may(permission):
            raise Problem(403, "not_permitted", f"this needs the permission {permission}")

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Return the page that a template makes of these values."""
        path = self.request.url.path
        common = {
            "view": self,
            "reader": self.reader,
            "request": self.request,
            "navigation": () if self.caller is None else entries_of(self.me.principal, path),
        }
        response = HTMLResponse(rendered(template, {**common, **values}), status, PAGE_HEADERS)
        if self.notice is not None:
            response.delete_cookie(NOTICE_COOKIE)
        return response

    def back(self, usual: str) -> str:
        """Return the page that a form asks to return to, else the `usual` one."""
        path = str(self.form.get("back", "")) or usual
        return local_path(path)

    def done(self, path: str, text: str, undo: Undo | None = None, **values: object) -> Response:
        """Return to a page, and say there what was done."""
        return self._follow(path, Notice(text, values, undo))

    def refused(self, path: str, text: str, **values: object) -> Response:
        """Return to a page, and say there why nothing was done."""
        return self._follow(path, Notice(text, values, is_problem=True))

    def _follow(self, path: str, notice: Notice) -> Response:
        response = RedirectResponse(path, 303)
        secure = self.request.url.scheme == "https"
        keep_notice(response, notice, session_secret(self.request), secure=secure)
        return response


def local_path(path: str) -> str:
    """Return a path on this server; "/" for whatever would lead elsewhere."""
    is_local = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_local else "/"


def open_view(request: Request, caller: Caller | None = None) -> View:
    """Return a view for whoever asks."""
    control = control_of(request)
    accepted = request.headers.get("Accept-Language", "")
    reader = reader_of(request.cookies, accepted, control.context.clock.now())
    form = getattr(request.state, "form", FormData())
    notice = None if caller is None else kept_notice(request, session_secret(request))
    return View(request, control, reader, caller, notice, form)


async def read_form(request: Request) -> AsyncIterator[None]:
    """Read the form of a request before anything else: its CSRF token is part of the proof who sends it.

    Raises `Problem` for a form that another site's page sent.
    """
    if request.method in {"GET", "HEAD"}:
        yield
        return
    if request.headers.get("Sec-Fetch-Site") in OTHER_SITES:
        raise Problem(403, "other_site", "this form was not sent by a page of the console")
    request.state.form = form = await request.form(max_files=MOST_FILES)
    csrf = form.get("csrf", "")
    request.state.csrf_of_form = csrf if isinstance(csrf, str) else ""
    try:
        yield
    finally:
        await form.close()


async def signed_in_view(request: Request) -> View:
    """Return a view for somebody who is signed in. Raises `Problem`."""
    caller = await caller_of(request)
    if caller.session is None:
        raise Problem(401, "not_signed_in", "a token opens the API, not the console")
    return open_view(request, caller)


async def anybodys_view(request: Request) -> View:
    """Return a view for whoever asks, signed in or not."""
    return open_view(request)


def needs(permission: Permission, *, of_service: bool = False) -> Any:
    """Return the dependency of a page that needs a permission, as `Needs` for routes of the API."""
    return Depends(Needs(permission, of_service=of_service))


TheView = Annotated[View, Depends(signed_in_view)]
OpenView = Annotated[View, Depends(anybodys_view)]
