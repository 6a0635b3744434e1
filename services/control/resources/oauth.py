"""OAuth apps, and the grants of accounts and targets. No secret and no token is ever given back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field, SecretStr

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import ExpectedRevision, ThePaging, cursor_of, with_etag
from services.control.resources.registry import ADDING, CHANGING, READING
from services.control.resources.shapes import NAME_PATTERN, ObjectName, Shape, TenantName, moment_or_none
from services.control.routes import ApiRoute
from services.control.state import Control
from shared.access import Permission
from shared.model.oauth import Flow
from shared.operations.oauth_apps import AppSettings, AppStatus
from shared.operations.permitted_oauth import AppVerified, FoundGrant, PermittedOAuth

api = APIRouter(route_class=ApiRoute, tags=["sign-ins"])
_P = Permission
READ, WRITE = Depends(Needs(_P.OAUTH_READ)), Depends(Needs(_P.OAUTH_WRITE))
READ_ALL = Depends(Needs(_P.OAUTH_READ, of_service=True))
WRITE_ALL = Depends(Needs(_P.OAUTH_WRITE, of_service=True))
GrantKind = Literal["account", "target"]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
ShortText = Annotated[str, Field(max_length=500)]


class OAuthAppKeys(Shape):
    """Settings of an app, as [[oauth_apps]] has them; what is wrong with them is said by setting."""

    provider: ShortText | None = Field(None, examples=["microsoft"])
    discovery: Annotated[str | None, Field(max_length=2000)] = None
    client_id: ShortText | None = Field(None, examples=["6731de76-14a6-49ae-97bc-6eba6914391e"])
    client_secret: Annotated[SecretStr | None, Field(max_length=4000)] = None
    secret_expires: ShortText | None = Field(None, examples=["2027-06-30"])
    flow: Literal["user", "client-credentials"] | None = None
    directory: ShortText | None = Field(None, examples=["acme.onmicrosoft.com"])
    scopes: Annotated[list[ShortText] | None, Field(max_length=20)] = None
    redirect: Annotated[str | None, Field(max_length=2000)] = None
    testing: bool | None = None
    tenant: Name | None = None

    def given(self) -> dict[str, Any]:
        """Return what was given, with the secret in clear."""
        given = {key: getattr(self, key) for key in self.model_fields_set}
        if self.client_secret is not None:
            given["client_secret"] = self.client_secret.get_secret_value()
        return given


class NewOAuthApp(OAuthAppKeys):
    """An app that is registered at a provider."""

    name: Name = Field(examples=["microsoft"])


class OAuthAppShape(BaseModel):
    """An app. `tenant` is null for one that all tenants may use; `sentence` says what is wrong with it."""

    name: str
    tenant: str | None
    provider: str
    flow: Flow
    origin: str
    ok: bool
    sentence: str


class OAuthAppDetails(OAuthAppShape):
    """An app with its settings. `revision` is null for one of the configuration file."""

    client_id: str | None
    discovery: str | None
    directory: str | None
    scopes: list[str]
    redirect: str | None
    secret_expires: date | None
    testing: bool
    has_secret: bool
    revision: int | None


class OAuthAppList(BaseModel):
    """Apps, by name."""

    items: list[OAuthAppShape]


class VerifiedApp(BaseModel):
    """Whether the provider knows the app and accepts its secret."""

    ok: bool
    sentence: str


class GrantShape(BaseModel):
    """A sign-in of an account or target. `days_left`: until something that is known will stop it."""

    kind: GrantKind
    id: str
    app: str
    username: str
    state: str
    sentence: str
    days_left: int | None
    refreshed_at: datetime | None
    expires_at: datetime | None


class GrantPage(BaseModel):
    """Some grants, accounts first, by id."""

    items: list[GrantShape]
    next: str | None


class RevokedGrant(BaseModel):
    """What became of a sign-in that was ended."""

    sentence: str


def _oauth(control: Control, caller: TheCaller) -> PermittedOAuth:
    return PermittedOAuth(control.context, caller.doer)


@api.get("/oauth-apps", dependencies=[READ_ALL], responses=READING)
async def list_all_oauth_apps(control: TheControl, caller: TheCaller) -> OAuthAppList:
    """List the apps of the service and of all tenants."""
    return OAuthAppList(items=[*map(_app, await _oauth(control, caller).apps(None))])


@api.get("/oauth-apps/{app}", dependencies=[READ_ALL], responses=READING)
async def show_any_oauth_app(
    app: ObjectName, control: TheControl, caller: TheCaller, response: Response
) -> OAuthAppDetails:
    """Show an app."""
    return _details(await _oauth(control, caller).app(None, app), response)


@api.post("/oauth-apps", dependencies=[WRITE_ALL], responses=ADDING, status_code=201)
async def add_oauth_app(
    new: NewOAuthApp, control: TheControl, caller: TheCaller, response: Response
) -> OAuthAppDetails:
    """Add an app. Only operators may: the service itself asks the addresses that an app names."""
    return _details(await _oauth(control, caller).add(new.given()), response)


@api.patch("/oauth-apps/{app}", dependencies=[WRITE_ALL], responses=CHANGING)
async def change_oauth_app(
    app: ObjectName,
    change: OAuthAppKeys,
    expected: ExpectedRevision,
    control: TheControl,
    caller: TheCaller,
    response: Response,
) -> OAuthAppDetails:
    """Change an app that is kept in the database. What is left out stays, null removes a setting."""
    return _details(await _oauth(control, caller).change(app, change.given(), expected), response)


@api.delete("/oauth-apps/{app}", dependencies=[WRITE_ALL], responses=CHANGING, status_code=204)
async def remove_oauth_app(
    app: ObjectName,
    expected: ExpectedRevision,
    control: TheControl,
    caller: TheCaller,
    *,
    force: Annotated[bool, Query(description="Also if there are sign-ins; these are given back.")] = False,
) -> None:
    """Remove an app that is kept in the database."""
    await _oauth(control, caller).remove(app, expected, force=force)


@api.post("/oauth-apps/{app}/verify", dependencies=[WRITE_ALL], responses=ADDING)
async def verify_any_oauth_app(app: ObjectName, control: TheControl, caller: TheCaller) -> VerifiedApp:
    """Ask the provider whether it knows an app and accepts its secret."""
    return _verified(await _oauth(control, caller).verify(None, app))


@api.get("/tenants/{tenant}/oauth-apps", dependencies=[READ], responses=READING)
async def list_oauth_apps(tenant: TenantName, control: TheControl, caller: TheCaller) -> OAuthAppList:
    """List the apps that accounts and targets of a tenant may name: its own, and global ones that owners
    sign in to.
    """
    return OAuthAppList(items=[*map(_app, await _oauth(control, caller).apps(tenant))])


@api.get("/tenants/{tenant}/oauth-apps/{app}", dependencies=[READ], responses=READING)
async def show_oauth_app(
    tenant: TenantName, app: ObjectName, control: TheControl, caller: TheCaller, response: Response
) -> OAuthAppDetails:
    """Show an app that a tenant may name."""
    return _details(await _oauth(control, caller).app(tenant, app), response)


@api.post("/tenants/{tenant}/oauth-apps/{app}/verify", dependencies=[WRITE], responses=ADDING)
async def verify_oauth_app(
    tenant: TenantName, app: ObjectName, control: TheControl, caller: TheCaller
) -> VerifiedApp:
    """Ask the provider whether it knows an app and accepts its secret."""
    return _verified(await _oauth(control, caller).verify(tenant, app))


@api.get("/tenants/{tenant}/grants", dependencies=[READ], responses=READING)
async def list_grants(
    tenant: TenantName, paging: ThePaging, control: TheControl, caller: TheCaller
) -> GrantPage:
    """List the sign-ins of a tenant's accounts and targets, and what is going to stop them."""
    found = await _oauth(control, caller).grants(tenant, paging.after, paging.limit)
    after = f"{found[-1].kind}:{found[-1].id}" if len(found) == paging.limit else None
    return GrantPage(items=[*map(_grant, found)], next=cursor_of(after))


@api.post("/tenants/{tenant}/grants/{kind}/{name}/revoke", dependencies=[WRITE], responses=ADDING)
async def revoke_grant(
    tenant: TenantName, kind: GrantKind, name: ObjectName, control: TheControl, caller: TheCaller
) -> RevokedGrant:
    """End the sign-in of an account or target: the provider is told, and the tokens are forgotten."""
    return RevokedGrant(sentence=await _oauth(control, caller).revoke(tenant, kind, name))


def _app(app: AppStatus) -> OAuthAppShape:
    return OAuthAppShape(
        name=app.name,
        tenant=app.tenant,
        provider=app.provider,
        flow=Flow(app.flow),
        origin=app.origin,
        ok=app.ok,
        sentence=app.sentence,
    )


def _details(app: AppSettings, response: Response) -> OAuthAppDetails:
    if app.revision is not None:
        with_etag(response, app.revision)
    keys = app.keys
    return OAuthAppDetails(
        **_app(app.status).model_dump(),
        client_id=keys.get("client_id"),
        discovery=keys.get("discovery"),
        directory=keys.get("directory"),
        scopes=keys.get("scopes", []),
        redirect=keys.get("redirect"),
        secret_expires=keys.get("secret_expires"),
        testing=keys.get("testing", False),
        has_secret=app.has_secret,
        revision=app.revision,
    )


def _verified(result: AppVerified) -> VerifiedApp:
    return VerifiedApp(ok=result.ok, sentence=result.sentence)


def _grant(grant: FoundGrant) -> GrantShape:
    status = grant.status
    return GrantShape(
        kind="account" if grant.kind == "account" else "target",
        id=grant.id,
        app=status.app,
        username=status.username,
        state=status.state,
        sentence=status.sentence,
        days_left=status.days_left,
        refreshed_at=moment_or_none(status.refreshed_at),
        expires_at=moment_or_none(status.expires_at),
    )
