"""People: who may sign in, with which role."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field, SecretStr

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import ExpectedRevision, ThePaging, cursor_of, with_etag
from services.control.resources.registry import ADDING, CHANGING, READING
from services.control.resources.shapes import (
    NAME_PATTERN,
    USER_PATTERN,
    Shape,
    UserName,
    moment,
)
from services.control.routes import ApiRoute
from shared.access import Permission, Role
from shared.operations.people import NewUser, Users, record
from shared.operations.public_urls import SIGN_IN, public_url
from shared.ports.store import User

api = APIRouter(route_class=ApiRoute)
_P = Permission


class NewMember(Shape):
    """A person. Without a password it signs in by a link."""

    name: Annotated[str, Field(pattern=USER_PATTERN, examples=["anna@acme.example"])]
    role: Role
    tenant: Annotated[str | None, Field(pattern=NAME_PATTERN)] = None
    accounts: Annotated[list[str], Field(max_length=1000, default_factory=list)]
    password: Annotated[SecretStr | None, Field(min_length=12, max_length=256)] = None


class MemberChange(Shape):
    """What is to be changed of a person; what is left out stays."""

    role: Role | None = None
    accounts: Annotated[list[str] | None, Field(max_length=1000)] = None
    enabled: bool | None = None
    password: Annotated[SecretStr | None, Field(min_length=12, max_length=256)] = None


class Member(BaseModel):
    """A person."""

    name: str
    role: Role
    tenant: str | None
    accounts: list[str]
    enabled: bool
    has_password: bool
    revision: int
    created_at: datetime


class MemberPage(BaseModel):
    """Some people, by name."""

    items: list[Member]
    next: str | None


class SignInLink(BaseModel):
    """A new link, which is not shown again."""

    url: str
    secret: str


@api.get("/members", dependencies=[Depends(Needs(_P.MEMBERS_READ))], responses=READING, tags=["members"])
async def list_members(paging: ThePaging, control: TheControl, caller: TheCaller) -> MemberPage:
    """List people."""
    found = await Users(control.context, caller.principal).list(paging.after, paging.limit)
    after = found[-1].name if len(found) == paging.limit else None
    return MemberPage(items=[*map(member, found)], next=cursor_of(after))


@api.get(
    "/members/{user}", dependencies=[Depends(Needs(_P.MEMBERS_READ))], responses=READING, tags=["members"]
)
async def show_member(
    user: UserName,
    control: TheControl,
    caller: TheCaller,
    response: Response,
) -> Member:
    """Show a person."""
    found = await Users(control.context, caller.principal).show(user)
    with_etag(response, found.revision)
    return member(found)


@api.post(
    "/members",
    dependencies=[Depends(Needs(_P.MEMBERS_WRITE))],
    responses=ADDING,
    status_code=201,
    tags=["members"],
)
async def add_member(new: NewMember, control: TheControl, caller: TheCaller, response: Response) -> Member:
    """Add a person."""
    password = None if new.password is None else new.password.get_secret_value()
    wanted = NewUser(new.name, new.role, new.tenant, frozenset(new.accounts), password)
    user = await Users(control.context, caller.principal).add(wanted)
    after = {"role": new.role.value, "accounts": new.accounts}
    await record(control.context, caller.doer, "member.add", user.name, user.tenant, after=after)
    with_etag(response, user.revision)
    return member(user)


@api.patch(
    "/members/{user}",
    dependencies=[Depends(Needs(_P.MEMBERS_WRITE))],
    responses=CHANGING,
    tags=["members"],
)
async def change_member(
    user: UserName,
    change: MemberChange,
    expected: ExpectedRevision,
    control: TheControl,
    caller: TheCaller,
    response: Response,
) -> Member:
    """Change a person; its sessions end."""
    changed = await Users(control.context, caller.principal).change(
        user,
        expected,
        role=change.role,
        accounts=None if change.accounts is None else frozenset(change.accounts),
        enabled=change.enabled,
        password=None if change.password is None else change.password.get_secret_value(),
    )
    after = change.model_dump(mode="json", exclude_none=True)
    await record(control.context, caller.doer, "member.change", changed.name, changed.tenant, after=after)
    with_etag(response, changed.revision)
    return member(changed)


@api.delete(
    "/members/{user}",
    dependencies=[Depends(Needs(_P.MEMBERS_WRITE))],
    responses=CHANGING,
    status_code=204,
    tags=["members"],
)
async def remove_member(
    user: UserName,
    expected: ExpectedRevision,
    control: TheControl,
    caller: TheCaller,
) -> None:
    """Remove a person with its sessions and the tokens it made."""
    removed = await Users(control.context, caller.principal).remove(user, expected)
    await record(control.context, caller.doer, "member.remove", removed.name, removed.tenant)


@api.delete(
    "/members/{user}/codes",
    dependencies=[Depends(Needs(_P.MEMBERS_WRITE))],
    responses=ADDING,
    status_code=204,
    tags=["members"],
)
async def reset_codes(user: UserName, control: TheControl, caller: TheCaller) -> None:
    """Ask a person for one-time codes no more, who has lost its app."""
    await Users(control.context, caller.principal).reset_codes(user, caller.doer)


@api.delete(
    "/members/{user}/sessions",
    dependencies=[Depends(Needs(_P.MEMBERS_WRITE))],
    responses=ADDING,
    status_code=204,
    tags=["members"],
)
async def sign_member_out(user: UserName, control: TheControl, caller: TheCaller) -> None:
    """End all sessions of a person, and its sign-in links."""
    await Users(control.context, caller.principal).end_sessions(user, caller.doer)


@api.post(
    "/members/{user}/sign-in-link",
    dependencies=[Depends(Needs(_P.MEMBERS_WRITE))],
    responses=ADDING,
    status_code=201,
    tags=["members"],
)
async def make_sign_in_link(user: UserName, control: TheControl, caller: TheCaller) -> SignInLink:
    """Make a link by which a person signs in once, within a day."""
    secret = await Users(control.context, caller.principal).sign_in_link(user, control.entropy, caller.doer)
    return SignInLink(url=public_url(control.context.configuration, SIGN_IN + secret), secret=secret)


def member(user: User) -> Member:
    """Return a person for an answer."""
    return Member(
        name=user.name,
        role=user.role,
        tenant=user.tenant,
        accounts=sorted(user.accounts),
        enabled=user.enabled,
        has_password=user.password is not None,
        revision=user.revision,
        created_at=moment(user.created_at),
    )
