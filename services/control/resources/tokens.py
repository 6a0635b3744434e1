"""Tokens of programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import ThePaging, cursor_of
from services.control.resources.registry import ADDING, READING
from services.control.resources.shapes import (
    NAME_PATTERN,
    Id,
    Shape,
    moment,
    moment_or_none,
)
from services.control.routes import ApiRoute
from shared.access import Permission, Role
from shared.operations.people import NewToken, record
from shared.ports.store import ApiToken

DAY = 86400.0
api = APIRouter(route_class=ApiRoute)
_P = Permission


class NewApiToken(Shape):
    """A token for a program. `scope` narrows it to these permissions of its role."""

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["onboarding"])]
    role: Role
    tenant: Annotated[str | None, Field(pattern=NAME_PATTERN)] = None
    accounts: Annotated[list[str], Field(max_length=1000, default_factory=list)]
    scope: list[Permission] | None = None
    expires_in_days: Annotated[int | None, Field(ge=1, le=3650)] = None


class Token(BaseModel):
    """A token. Its secret was shown once, when it was made; `prefix` is its beginning."""

    id: str
    name: str
    prefix: str
    role: Role
    tenant: str | None
    accounts: list[str]
    scope: list[Permission] | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


class MadeToken(Token):
    """A new token with its secret, which is not shown again."""

    secret: str


class TokenPage(BaseModel):
    """Some tokens, by id."""

    items: list[Token]
    next: str | None


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


def token_shape(token: ApiToken) -> Token:
    """Return a token for an answer."""
    return Token(
        id=token.id,
        name=token.name,
        prefix=token.prefix,
        role=token.role,
        tenant=token.tenant,
        accounts=sorted(token.accounts),
        scope=None if token.scope is None else sorted(token.scope),
        created_by=token.created_by,
        created_at=moment(token.created_at),
        expires_at=moment_or_none(token.expires_at),
        used_at=moment_or_none(token.used_at),
        revoked_at=moment_or_none(token.revoked_at),
    )
