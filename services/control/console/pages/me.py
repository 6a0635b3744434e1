"""What people do about themselves: password, one-time codes, sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps

from fastapi import APIRouter, Response

from services.control.console.navigation import text
from services.control.console.view import TheView, View
from services.control.resources.own import own_access
from shared.model.errors import MailferryError
from shared.operations.people import Enrolment, OwnAccess

pages = APIRouter()
WHY = "%(why)s"
CHANGED = text("Your password is changed. Your other sessions have ended.")
NOT_THE_SAME = text("The two new passwords are not the same.")
REMOVED = text("You are not asked for one-time codes any more.")
ENDED = text("The session has ended.")
OTHERS_ENDED = text("Your other sessions have ended.")
GROUP = 4
"""Letters of a key that stand together, for those who type it."""


@pages.get("/me")
async def show_me(view: TheView) -> Response:
    """Show how one signs in, and from where."""
    return await _me(view)


Act = Callable[[View], Awaitable[Response]]


def refusals_shown(act: Act) -> Act:
    """Have the page say why an act was refused."""

    @wraps(act)
    async def answered(view: TheView) -> Response:
        try:
            return await act(view)
        except MailferryError as refusal:
            return view.refused("/me", WHY, why=view.reader.sentence(str(refusal)))

    return answered


@pages.post("/me/password")
@refusals_shown
async def change_password(view: TheView) -> Response:
    """Change one's password."""
    if view.form.get("new") != view.form.get("again"):
        return view.refused("/me", NOT_THE_SAME)
    await _own(view).change_password(_entered(view, "present"), _entered(view, "new"))
    return view.done("/me", CHANGED)


@pages.post("/me/codes")
@refusals_shown
async def begin_codes(view: TheView) -> Response:
    """Show the key for an app. It is not shown again."""
    return await _me(view, enrolment=await _own(view).begin_codes(_entered(view, "present")))


@pages.post("/me/codes/confirm")
@refusals_shown
async def confirm_codes(view: TheView) -> Response:
    """Have codes asked for from now on, and show the recovery codes once."""
    return await _me(view, recovery=await _own(view).confirm_codes(_code(view)))


@pages.post("/me/codes/recovery")
@refusals_shown
async def renew_recovery_codes(view: TheView) -> Response:
    """Show new recovery codes once, in place of the old ones."""
    return await _me(view, recovery=await _own(view).renew_recovery_codes(_code(view)))


@pages.post("/me/codes/remove")
@refusals_shown
async def remove_codes(view: TheView) -> Response:
    """Have codes asked for no more."""
    await _own(view).remove_codes(_code(view))
    return view.done("/me", REMOVED)


@pages.post("/me/sessions/end")
@refusals_shown
async def end_session(view: TheView) -> Response:
    """End one of one's sessions."""
    await _own(view).end(_entered(view, "session"))
    return view.done("/me", ENDED)


@pages.post("/me/sessions/end-others")
async def end_other_sessions(view: TheView) -> Response:
    """End all of one's sessions but this one."""
    await _own(view).end_others()
    return view.done("/me", OTHERS_ENDED)


async def _me(view: View, enrolment: Enrolment | None = None, recovery: Sequence[str] = ()) -> Response:
    own, key = _own(view), "" if enrolment is None else enrolment.key
    parts = [key[place : place + GROUP] for place in range(0, len(key), GROUP)]
    return view.page(
        "me.html",
        codes=await own.codes(),
        sessions=await own.sessions(),
        enrolment=enrolment,
        key=" ".join(parts),
        recovery=recovery,
    )


def _own(view: View) -> OwnAccess:
    return own_access(view.control, view.me)


def _code(view: View) -> str:
    return _entered(view, "code").strip()


def _entered(view: View, field: str) -> str:
    return str(view.form.get(field, ""))
