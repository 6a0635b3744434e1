"""People, tokens, sessions and the audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import ExpectedRevision, ThePaging, cursor_of, with_etag
from services.control.problems import documented
from services.control.resources.registry import ADDING, CHANGING, READING
from services.control.resources.shapes import (
    USER_PATTERN,
    AuditPage,
    Id,
    MadeToken,
    Member,
    MemberChange,
    MemberPage,
    NewApiToken,
    NewMember,
    Shape,
    TokenPage,
    UserName,
    audit_entry,
    member,
    token_shape,
)
from services.control.routes import ApiRoute
from services.control.sessions import begin_session, check_tries, end_session, sender_of
from shared.access import Permission, permissions_of
from shared.operations.people import NewToken, NewUser, SignedIn, Users, audit_page, record
from shared.operations.public_urls import SIGN_IN, public_url

DAY = 86400.0
api = APIRouter(route_class=ApiRoute)
_P = Permission


class Credentials(Shape):
    """How a person signs in."""

    name: Annotated[str, Field(pattern=USER_PATTERN, examples=["otto"])]
    password: Annotated[SecretStr, Field(max_length=256)]
    code: Annotated[str, Field(max_length=40, description="The one-time or recovery code, if any.")] = ""


class LinkSecret(Shape):
    """The last part of a sign-in link."""

    secret: Annotated[SecretStr, Field(max_length=100)]
    code: Annotated[str, Field(max_length=40, description="The one-time or recovery code, if any.")] = ""


class SignInLink(BaseModel):
    """A new link, which is not shown again."""

    url: str
    secret: str


class Me(BaseModel):
    """Who one is, and what one may do. `csrf_token` goes into the header `X-CSRF-Token` of a session."""

    name: str
    role: str
    tenant: str | None
    accounts: list[str]
    permissions: list[str]
    csrf_token: str | None = None


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


@api.get("/tokens", dependencies=[Depends(Needs(_P.TOKENS_READ))], responses=READING, tags=["tokens"])
async def list_tokens(paging: ThePaging, control: TheControl, caller: TheCaller) -> TokenPage:
    """List tokens, without their secrets."""
    found = await control.tokens.list(caller.principal, paging.after, paging.limit)
    after = found[-1].id if len(found) == paging.limit else None
    return TokenPage(items=[*map(token_shape, found)], next=cursor_of(after))


@api.post(
    "/tokens",
    dependencies=[Depends(Needs(_P.TOKENS_WRITE))],
    responses=ADDING,
    status_code=201,
    tags=["tokens"],
)
async def create_token(new: NewApiToken, control: TheControl, caller: TheCaller) -> MadeToken:
    """Make a token. Its secret is in this answer and nowhere else."""
    wanted = NewToken(
        new.name,
        new.role,
        new.tenant,
        frozenset(new.accounts),
        None if new.scope is None else frozenset(new.scope),
        None if new.expires_in_days is None else new.expires_in_days * DAY,
    )
    token, secret = await control.tokens.create(wanted, caller.principal)
    after = {"name": token.name, "role": token.role.value}
    await record(control.context, caller.doer, "token.create", token.id, token.tenant, after=after)
    return MadeToken(**token_shape(token).model_dump(), secret=secret)


@api.delete(
    "/tokens/{token}",
    dependencies=[Depends(Needs(_P.TOKENS_WRITE))],
    responses=ADDING,
    status_code=204,
    tags=["tokens"],
)
async def revoke_token(token: Id, control: TheControl, caller: TheCaller) -> None:
    """Revoke a token; the next request with it is refused."""
    revoked = await control.tokens.revoke(token, caller.principal)
    await record(control.context, caller.doer, "token.revoke", token, revoked.tenant)


@api.get("/audit", dependencies=[Depends(Needs(_P.AUDIT_READ))], responses=READING, tags=["audit"])
async def list_audit(paging: ThePaging, control: TheControl, caller: TheCaller) -> AuditPage:
    """List who did what, newest first."""
    found = await audit_page(control.context, caller.principal, paging.number, paging.limit)
    after = found[-1].number if len(found) == paging.limit else None
    return AuditPage(items=[*map(audit_entry, found)], next=cursor_of(after))


@api.get("/me", responses=documented(400, 401, 429, 503), tags=["sessions"])
async def show_me(caller: TheCaller) -> Me:
    """Show who one is."""
    return _me(caller)


@api.post("/sessions", responses=documented(400, 401, 408, 413, 422, 429, 503), tags=["sessions"])
async def sign_in(given: Credentials, request: Request, response: Response, control: TheControl) -> Me:
    """Sign in by password; the session's secret is in a cookie."""
    check_tries(control, request)
    password, address = given.password.get_secret_value(), sender_of(request)
    signed_in = await control.sign_ins.sign_in(given.name, password, given.code, address)
    begin_session(request, response, signed_in)
    return _shown(signed_in)


@api.post("/sessions/by-link", responses=documented(400, 401, 408, 413, 422, 429, 503), tags=["sessions"])
async def sign_in_by_link(given: LinkSecret, request: Request, response: Response, control: TheControl) -> Me:
    """Sign in by a link, which is used up by that."""
    check_tries(control, request)
    secret, address = given.secret.get_secret_value(), sender_of(request)
    signed_in = await control.sign_ins.sign_in_by_link(secret, given.code, address)
    begin_session(request, response, signed_in)
    return _shown(signed_in)


@api.delete(
    "/sessions/current", responses=documented(400, 401, 403, 429, 503), status_code=204, tags=["sessions"]
)
async def sign_out(caller: TheCaller, control: TheControl, request: Request, response: Response) -> None:
    """Sign out."""
    if caller.session is not None:
        await control.sign_ins.sign_out(caller.session.secret)
    end_session(request, response)


def _me(caller: TheCaller) -> Me:
    if caller.session is not None:
        return _shown(caller.session)
    principal = caller.principal
    return Me(
        name=principal.name,
        role=principal.role,
        tenant=principal.tenant,
        accounts=sorted(principal.accounts),
        permissions=sorted(permissions_of(principal)),
    )


def _shown(signed_in: SignedIn) -> Me:
    principal = signed_in.principal
    return Me(
        name=principal.name,
        role=principal.role,
        tenant=principal.tenant,
        accounts=sorted(principal.accounts),
        permissions=sorted(permissions_of(principal)),
        csrf_token=signed_in.csrf,
    )
