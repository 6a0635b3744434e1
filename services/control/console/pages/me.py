"""What people do about themselves: password, one-time codes, sessions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from services.control.console.navigation import text
from services.control.console.view import TheView, View
from services.control.resources.own import own_access
from shared.model.errors import MailferryError
from shared.operations.people import Enrolment

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


@pages.post("/me/password")
async def change_password(view: TheView) -> Response:
    """Change one's password."""
    if view.form.get("new") != view.form.get("again"):
        return view.refused("/me", NOT_THE_SAME)
    try:
        await own_access(view.control, view.me).change_password(
            _entered(view, "present"), _entered(view, "new")
        )
    except MailferryError as refusal:
        return _refused(view, refusal)
    return view.done("/me", CHANGED)


@pages.post("/me/codes")
async def begin_codes(view: TheView) -> Response:
    """Show the key for an app. It is not shown again."""
    try:
        enrolment = await own_access(view.control, view.me).begin_codes(_entered(view, "present"))
    except MailferryError as refusal:
        return _refused(view, refusal)
    return await _me(view, enrolment=enrolment)


@pages.post("/me/codes/confirm")
async def confirm_codes(view: TheView) -> Response:
    """Have codes asked for from now on, and show the recovery codes once."""
    try:
        codes = await own_access(view.control, view.me).confirm_codes(_entered(view, "code").strip())
    except MailferryError as refusal:
        return _refused(view, refusal)
    return await _me(view, recovery=codes)


@pages.post("/me/codes/recovery")
async def renew_recovery_codes(view: TheView) -> Response:
    """Show new recovery codes once, in place of the old ones."""
    try:
        codes = await own_access(view.control, view.me).renew_recovery_codes(_entered(view, "code").strip())
    except MailferryError as refusal:
        return _refused(view, refusal)
    return await _me(view, recovery=codes)


@pages.post("/me/codes/remove")
async def remove_codes(view: TheView) -> Response:
    """Have codes asked for no more."""
    try:
        await own_access(view.control, view.me).remove_codes(_entered(view, "code").strip())
    except MailferryError as refusal:
        return _refused(view, refusal)
    return view.done("/me", REMOVED)


@pages.post("/me/sessions/end")
async def end_session(view: TheView) -> Response:
    """End one of one's sessions."""
    try:
        await own_access(view.control, view.me).end(_entered(view, "session"))
    except MailferryError as refusal:
        return _refused(view, refusal)
    return view.done("/me", ENDED)


@pages.post("/me/sessions/end-others")
async def end_other_sessions(view: TheView) -> Response:
    """End all of one's sessions but this one."""
    await own_access(view.control, view.me).end_others()
    return view.done("/me", OTHERS_ENDED)


async def _me(view: View, enrolment: Enrolment | None = None, recovery: list[str] | None = None) -> Response:
    assert view.me is not None
    own = own_access(view.control, view.me)
    shown: dict[str, Any] = {"codes": await own.codes(), "sessions": await own.sessions()}
    key = "" if enrolment is None else enrolment.key
    parts = [key[place : place + GROUP] for place in range(0, len(key), GROUP)]
    return view.page("me.html", enrolment=enrolment, key=" ".join(parts), recovery=recovery or [], **shown)


def _refused(view: View, refusal: MailferryError) -> Response:
    return view.refused("/me", WHY, why=view.reader.sentence(str(refusal)))


def _entered(view: View, field: str) -> str:
    return str(view.form.get(field, ""))
