"""Errors as pages: what is forbidden or not there, and the way to the sign-in."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from services.control.callers import Caller, caller_of
from services.control.console.navigation import text
from services.control.console.view import open_view
from services.control.problems import Problem, problem_of

SIGN_IN = "/sign-in"
TITLES = {
    403: text("You may not do this"),
    404: text("There is nothing here"),
    409: text("That is not possible now"),
    412: text("Somebody else changed this meanwhile"),
    422: text("This input cannot be used"),
    429: text("Too many requests"),
    503: text("The database does not answer"),
}
OTHER = text("This did not work")


async def answer_page_error(request: Request, error: Exception) -> Response:
    """Answer an error that a page raised."""
    problem = problem_of(error)
    if problem is None:
        raise error
    if problem.status == 401:
        return _to_sign_in(request)
    view = open_view(request, await _caller(request))
    title = TITLES.get(problem.status, OTHER)
    response = view.page("error.html", problem.status, title=title, problem=problem)
    response.headers.update(problem.headers)
    return response


async def _caller(request: Request) -> Caller | None:
    """Who asks, for the navigation; None where that cannot be found out."""
    try:
        caller = await caller_of(request)
    except Problem:
        return None
    return caller if caller.session is not None else None


def _to_sign_in(request: Request) -> Response:
    """Lead to the sign-in and from there back to the page; htmx would put the sign-in into a part of it."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?next={quote(here, safe='')}" if request.method == "GET" and here != "/" else ""
    if request.headers.get("HX-Request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
    return RedirectResponse(SIGN_IN + back, 303)
