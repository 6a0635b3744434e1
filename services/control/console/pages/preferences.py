"""What a reader chooses for the browser: language and colours, each kept in a cookie."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control.console.catalogue import languages
from services.control.console.reader import LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from services.control.console.view import OpenView, local_path

pages = APIRouter()
YEAR = 365 * 86400


@pages.post("/preferences")
async def choose(view: OpenView) -> Response:
    """Keep what was chosen, and return to the page. It needs no session: the sign-in has a language, too."""
    response = RedirectResponse(local_path(str(view.form.get("next", "/"))), 303)
    secure = view.request.url.scheme == "https"
    for cookie, field, known in (
        (LANGUAGE_COOKIE, "language", languages()),
        (THEME_COOKIE, "theme", THEMES),
    ):
        choice = str(view.form.get(field, ""))
        if choice in known:
            response.set_cookie(cookie, choice, max_age=YEAR, secure=secure, samesite="lax")
    return response
