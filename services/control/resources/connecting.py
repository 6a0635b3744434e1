"""Connect links, what their owners do with them, and the address where providers send browsers back.

A link's secret is sent in bodies only, never in an address, which proxies write down.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field, SecretStr, model_validator

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import ThePaging, cursor_of
from services.control.problems import documented
from services.control.resources.login_shapes import LoginTestRun, login_test_run
from services.control.resources.registry import ADDING, READING, permitted
from services.control.resources.shapes import (
    NAME_PATTERN,
    SETTINGS_SCHEMAS,
    Id,
    ObjectName,
    Shape,
    TenantName,
    moment,
    moment_or_none,
)
from services.control.routes import ApiRoute
from services.control.sessions import check_tries, sender_of
from services.control.state import Control
from shared.access import Permission
from shared.operations.connecting import Connecting, ConnectLinks, ConnectPage, ConnectWay, LinkStatus
from shared.operations.connecting.links import LINK_LASTS, LONGEST_LASTS, status_of
from shared.ports.store import ConnectLink

api = APIRouter(route_class=ApiRoute)
_P = Permission
HOUR = 3600.0
OPEN = documented(400, 401, 403, 404, 408, 409, 413, 422, 429, 503)
SECRET = Annotated[SecretStr, Field(max_length=100, description="The last part of the link.")]


class NewConnectLink(Shape):
    """Which mailbox is to be connected: an `account` by its name, or the `settings` of one that is added
    then, without a password.
    """

    account: Annotated[str | None, Field(pattern=NAME_PATTERN, examples=["info"])] = None
    settings: Annotated[
        dict[str, Any] | None, Field(json_schema_extra=SETTINGS_SCHEMAS["connected account"])
    ] = None
    hours: Annotated[float, Field(gt=0, le=LONGEST_LASTS / HOUR)] = LINK_LASTS / HOUR

    @model_validator(mode="after")
    def _names_one(self) -> NewConnectLink:
        if (self.account is None) == (self.settings is None):
            raise ValueError("name either an account, or the settings of a new one")
        return self


class ConnectLinkShape(BaseModel):
    """A link. `is_new`: the account is added when the link is used."""

    id: str
    account: str
    is_new: bool
    status: LinkStatus
    created_by: str
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    used_at: datetime | None
    tries: int


class MadeConnectLink(ConnectLinkShape):
    """A new link. Its address has the secret and is not shown again."""

    url: str
    secret: str


class ConnectLinkPage(BaseModel):
    """Some links, newest first."""

    items: list[ConnectLinkShape]
    next: str | None


class LinkHolder(Shape):
    """Who has a link."""

    secret: SECRET


class MailboxPassword(LinkHolder):
    """The password of the mailbox, or an app password."""

    password: Annotated[SecretStr, Field(min_length=1, max_length=1000)]


class ToConnect(BaseModel):
    """What the owner of the mailbox is shown."""

    username: str
    server: str
    protocol: str
    provider: str | None
    advice: str
    way: ConnectWay
    sign_in_with: str | None
    expires_at: datetime


class SignInAt(BaseModel):
    """Where the browser goes to sign in."""

    url: str


def connect_links(control: TheControl, caller: TheCaller) -> ConnectLinks:
    """Return the links as the caller may see and make them."""
    return ConnectLinks(permitted(control, caller), control.entropy)


def connecting(control: Control) -> Connecting:
    """Return what owners do."""
    return Connecting(control.context, control.objects, control.logins)


Links = Annotated[ConnectLinks, Depends(connect_links)]


@api.post(
    "/tenants/{tenant}/connect-links",
    dependencies=[Depends(Needs(_P.ACCOUNTS_SOURCE))],
    responses=ADDING,
    status_code=201,
    tags=["connect links"],
)
async def create_connect_link(
    tenant: TenantName, wanted: NewConnectLink, control: TheControl, links: Links
) -> MadeConnectLink:
    """Make a link by which the owner of a mailbox connects it, once."""
    lasts = wanted.hours * HOUR
    if wanted.settings is not None:
        made = await links.create_for_new(tenant, wanted.settings, lasts)
    else:
        made = await links.create(f"{tenant}/{wanted.account}", lasts)
    shape = _shape(made.link, control.context.clock.now())
    return MadeConnectLink(**shape.model_dump(), url=made.url, secret=made.secret)


@api.get(
    "/tenants/{tenant}/connect-links",
    dependencies=[Depends(Needs(_P.ACCOUNTS_SOURCE))],
    responses=READING,
    tags=["connect links"],
)
async def list_connect_links(
    tenant: TenantName,
    paging: ThePaging,
    control: TheControl,
    links: Links,
    account: Annotated[str | None, Query(pattern=NAME_PATTERN, description="Those of one account.")] = None,
) -> ConnectLinkPage:
    """List links, newest first."""
    full = None if account is None else f"{tenant}/{account}"
    found = await links.list(tenant, paging.after, paging.limit, full)
    now = control.context.clock.now()
    after = found[-1].id if len(found) == paging.limit else None
    return ConnectLinkPage(items=[_shape(each, now) for each in found], next=cursor_of(after))


@api.get(
    "/tenants/{tenant}/connect-links/{link}",
    dependencies=[Depends(Needs(_P.ACCOUNTS_SOURCE))],
    responses=READING,
    tags=["connect links"],
)
async def show_connect_link(
    tenant: TenantName, link: Id, control: TheControl, links: Links
) -> ConnectLinkShape:
    """Show a link."""
    return _shape(await links.show(tenant, link), control.context.clock.now())


@api.delete(
    "/tenants/{tenant}/connect-links/{link}",
    dependencies=[Depends(Needs(_P.ACCOUNTS_SOURCE))],
    responses=ADDING,
    status_code=204,
    tags=["connect links"],
)
async def revoke_connect_link(tenant: TenantName, link: Id, links: Links) -> None:
    """Revoke a link that was not used."""
    await links.revoke(tenant, link)


@api.post(
    "/tenants/{tenant}/accounts/{account}/sign-in",
    dependencies=[Depends(Needs(_P.ACCOUNTS_SOURCE))],
    responses=ADDING,
    tags=["accounts"],
)
async def begin_own_sign_in(
    tenant: TenantName, account: ObjectName, control: TheControl, caller: TheCaller
) -> SignInAt:
    """Begin to sign in at the provider of an account that logs in by OAuth; the browser comes back here."""
    url = await connecting(control).begin_own_sign_in(f"{tenant}/{account}", caller.principal)
    return SignInAt(url=url)


@api.post("/connect/open", responses=OPEN, openapi_extra={"security": []}, tags=["connecting"])
async def open_link(given: LinkHolder, request: Request, control: TheControl) -> ToConnect:
    """Show what a link is for. It can be opened again until it is used."""
    check_tries(control, request)
    return _to_connect(await connecting(control).open(given.secret.get_secret_value()))


@api.post(
    "/connect/password",
    responses=OPEN,
    status_code=202,
    openapi_extra={"security": []},
    tags=["connecting"],
)
async def try_password(given: MailboxPassword, request: Request, control: TheControl) -> LoginTestRun:
    """Begin to log in with a password. If it works, it is saved, and the link is used up."""
    check_tries(control, request)
    secret, password = given.secret.get_secret_value(), given.password.get_secret_value()
    return login_test_run(await connecting(control).try_password(secret, password, sender_of(request)))


@api.post("/connect/sign-in", responses=OPEN, openapi_extra={"security": []}, tags=["connecting"])
async def begin_sign_in(given: LinkHolder, request: Request, control: TheControl) -> SignInAt:
    """Begin to sign in at the provider; the browser comes back here."""
    check_tries(control, request)
    return SignInAt(url=await connecting(control).begin_sign_in(given.secret.get_secret_value()))


@api.get(
    "/connect/tests/{test}",
    responses=documented(400, 404, 408, 422, 429, 503),
    openapi_extra={"security": []},
    tags=["connecting"],
)
async def show_connect_test(test: Id, control: TheControl) -> LoginTestRun:
    """Show what came of a login by a link; ask until `done`. If it worked, the mailbox is connected."""
    return login_test_run(await connecting(control).result(test))


def _shape(link: ConnectLink, now: float) -> ConnectLinkShape:
    return ConnectLinkShape(
        id=link.id,
        account=link.account,
        is_new=link.keys is not None,
        status=status_of(link, now),
        created_by=link.created_by,
        created_at=moment(link.created_at),
        expires_at=moment(link.expires_at),
        opened_at=moment_or_none(link.opened_at),
        used_at=moment_or_none(link.used_at),
        tries=link.tries,
    )


def _to_connect(page: ConnectPage) -> ToConnect:
    return ToConnect(
        username=page.username,
        server=page.server,
        protocol=page.protocol,
        provider=page.provider,
        advice=page.advice,
        way=page.way,
        sign_in_with=page.sign_in_with,
        expires_at=moment(page.expires_at),
    )
