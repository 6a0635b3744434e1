"""What people who are signed in do about themselves: password, one-time codes, sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, SecretStr

from services.control.callers import TheCaller, TheControl
from services.control.problems import Problem, documented
from services.control.resources.shapes import Id, Shape, moment
from services.control.routes import ApiRoute
from shared.operations.people import OwnAccess

api = APIRouter(route_class=ApiRoute)
ANSWERS = documented(400, 401, 403, 404, 408, 409, 412, 413, 422, 429, 503)
Password = Annotated[SecretStr, Field(max_length=256)]
Code = Annotated[str, Field(max_length=40, examples=["123456"])]


class NewPassword(Shape):
    """A password in place of the present one. Who signs in by links has none yet, and leaves it empty."""

    present: Password = SecretStr("")
    new: Password


class PresentPassword(Shape):
    """The password, as proof."""

    present: Password = SecretStr("")


class GivenCode(Shape):
    """A one-time code of the app, or where codes are set up also a recovery code."""

    code: Code


class CodesShape(BaseModel):
    """Whether codes are asked for, and how many recovery codes are left."""

    set_up: bool
    recovery_codes: int


class EnrolmentShape(BaseModel):
    """The key for an app: `uri` as a QR code, or `secret` to be typed. It is shown once."""

    uri: str
    secret: str


class RecoveryCodes(BaseModel):
    """New recovery codes, each for one sign-in without the app. They are shown once."""

    secret: list[str]


class SessionShape(BaseModel):
    """A session, and where from it was begun."""

    id: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool


class Sessions(BaseModel):
    """One's sessions, newest first."""

    items: list[SessionShape]


def own_access(control: TheControl, caller: TheCaller) -> OwnAccess:
    """Return what the caller does about itself. Raises `Problem` for tokens: they have none of it."""
    if caller.session is None:
        raise Problem(403, "session_needed", "this is for people who are signed in, and not for tokens")
    name, secret = caller.principal.name, caller.session.secret
    return OwnAccess(control.context, control.entropy, name, caller.doer, secret)


Own = Annotated[OwnAccess, Depends(own_access)]


@api.post("/me/password", responses=ANSWERS, status_code=204, tags=["sessions"])
async def change_own_password(given: NewPassword, own: Own) -> None:
    """Change one's password; the other sessions end."""
    await own.change_password(given.present.get_secret_value(), given.new.get_secret_value())


@api.get("/me/codes", responses=ANSWERS, tags=["sessions"])
async def show_own_codes(own: Own) -> CodesShape:
    """Show whether one is asked for one-time codes."""
    state = await own.codes()
    return CodesShape(set_up=state.is_set_up, recovery_codes=state.recovery_codes)


@api.post("/me/codes", responses=ANSWERS, tags=["sessions"])
async def begin_own_codes(given: PresentPassword, own: Own) -> EnrolmentShape:
    """Begin to set up one-time codes. They are asked for once a code was confirmed."""
    enrolment = await own.begin_codes(given.present.get_secret_value())
    return EnrolmentShape(uri=enrolment.uri, secret=enrolment.key)


@api.post("/me/codes/confirm", responses=ANSWERS, tags=["sessions"])
async def confirm_own_codes(given: GivenCode, own: Own) -> RecoveryCodes:
    """Have one-time codes asked for from now on."""
    return RecoveryCodes(secret=await own.confirm_codes(given.code))


@api.post("/me/codes/recovery", responses=ANSWERS, tags=["sessions"])
async def renew_own_recovery_codes(given: GivenCode, own: Own) -> RecoveryCodes:
    """Make new recovery codes in place of the old ones."""
    return RecoveryCodes(secret=await own.renew_recovery_codes(given.code))


@api.post("/me/codes/remove", responses=ANSWERS, status_code=204, tags=["sessions"])
async def remove_own_codes(given: GivenCode, own: Own) -> None:
    """Have one-time codes asked for no more."""
    await own.remove_codes(given.code)


@api.get("/me/sessions", responses=ANSWERS, tags=["sessions"])
async def list_own_sessions(own: Own) -> Sessions:
    """List one's sessions."""
    return Sessions(
        items=[
            SessionShape(
                id=name,
                address=each.address,
                created_at=moment(each.created_at),
                seen_at=moment(each.seen_at),
                expires_at=moment(each.expires_at),
                current=current,
            )
            for name, each, current in await own.sessions()
        ]
    )


@api.delete("/me/sessions/{session}", responses=ANSWERS, status_code=204, tags=["sessions"])
async def end_own_session(session: Id, own: Own) -> None:
    """End one of one's sessions."""
    await own.end(session)


@api.delete("/me/sessions", responses=ANSWERS, status_code=204, tags=["sessions"])
async def end_own_other_sessions(own: Own) -> None:
    """End all of one's sessions but this one."""
    await own.end_others()
