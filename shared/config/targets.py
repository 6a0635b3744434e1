"""Builds the targets from [[targets]]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SecretStr

from shared.config import servers
from shared.config.context import Context
from shared.config.problems import PathOf
from shared.config.secrets import WAYS
from shared.config.settings import TargetSettings
from shared.model.endpoint import Tls
from shared.model.setting import part
from shared.model.target import DeliveryOptions, Target, TargetCredentials

LMTP = frozenset({"lmtp", "lmtp+unix"})
OAUTH_MECHANISMS = ("XOAUTH2", "OAUTHBEARER")
TOKEN_METHODS = frozenset(OAUTH_MECHANISMS)


def build_targets(context: Context, tables: list[dict[str, Any]]) -> dict[str, Target]:
    """Return the valid targets by id. Add a problem for each other one."""
    targets: dict[str, Target] = {}
    for settings, table, path_of in context.items("targets", TargetSettings, tables):
        target = target_id(settings.tenant, settings.name)
        if target in targets:
            context.problems.add_problem(path_of(("name",)), '"name": another target has the same name')
        if settings.tenant is not None and settings.tenants:
            context.problems.add_problem(
                path_of(("tenants",)), '"tenants" has no effect: the target is for its "tenant" alone'
            )
        targets[target] = _target(context, settings, target, set(table), path_of)
    return targets


def target_id(tenant: str | None, name: str) -> str:
    """Return the id of a target: its name, with that of its tenant if it has one."""
    return name if tenant is None else f"{tenant}/{name}"


class UsableTargets:
    """The targets that are there, valid or not, and who may use them."""

    def __init__(self, tables: Iterable[Mapping[str, Any]]) -> None:
        self._granted: dict[str, frozenset[str]] = {}
        for table in tables:
            name, tenant, granted = table.get("name"), table.get("tenant"), table.get("tenants", ())
            if isinstance(name, str):
                owner = tenant if isinstance(tenant, str) else None
                names = granted if isinstance(granted, (list, tuple)) else ()
                self._granted[target_id(owner, name)] = frozenset(map(str, names))

    def find(self, name: str, tenant: str) -> str | None:
        """Return the id of the target that accounts of a tenant call `name`; None where there is none that
        the tenant may use. A tenant's own target goes before one for several.
        """
        own = target_id(tenant, name)
        if own in self._granted:
            return own
        granted = self._granted.get(name)
        return name if granted is not None and (not granted or tenant in granted) else None

    def names(self, tenant: str) -> list[str]:
        """Return the names of the targets that a tenant may use."""
        each_name = {each.rpartition("/")[2] for each in self._granted}
        return sorted(name for name in each_name if self.find(name, tenant) is not None)


def _target(
    context: Context, settings: TargetSettings, target: str, own: set[str], path_of: PathOf
) -> Target:
    """Return the target. Credentials are sent only through TLS, unless `tls` says otherwise."""
    credentials = _credentials(context, settings, own, path_of)
    default = Tls.WANTED if credentials is None else Tls.REQUIRED
    if settings.url.unix_path is not None:
        default = Tls.OFF
    endpoint = servers.endpoint(context, settings, settings.url, own, path_of, default)
    lmtp = settings.url.scheme in LMTP
    return Target(
        target,
        endpoint,
        credentials,
        settings.connections,
        settings.rules,
        lmtp,
        part(DeliveryOptions, settings),
        settings.enabled,
    )


def _credentials(
    context: Context, settings: TargetSettings, keys: set[str], path_of: PathOf
) -> TargetCredentials | None:
    username = servers.username(context, settings, settings.url, path_of)
    password = servers.password(context, settings, settings.url, keys, path_of)
    token = context.secret(settings, "token", path_of)
    app = settings.oauth_app
    gives_token = any("token" + way in keys for way in WAYS)
    has_token = gives_token or app is not None
    has_password = password is not None or servers.has_password_key(keys)
    if has_password and has_token:
        context.problems.add_problem(
            path_of(("token",)), '"token": there is a password, too; keep one of them'
        )
    if app is not None and gives_token:
        context.problems.add_problem(
            path_of(("oauth_app",)), '"oauth_app": there is a token, too; keep one of them'
        )
    auth = settings.auth or (OAUTH_MECHANISMS if app is not None else ())
    if has_token and not TOKEN_METHODS.issuperset(auth or ("",)):
        context.problems.add_problem(
            path_of(("auth",)), '"auth": with a token, name "oauthbearer", "xoauth2", or both in your order'
        )
    if not has_token and TOKEN_METHODS.intersection(settings.auth):
        context.problems.add_problem(
            path_of(("auth",)),
            '"auth": these methods need a token; give "token", "token_file" or "token_env"',
        )
    secret = password or token or (SecretStr("") if app is not None else None)
    has_secret = has_password or has_token
    if username is None and has_secret:
        context.problems.add_problem(
            path_of(("username",)), '"username" is missing, though there is a password'
        )
    if username is not None and not has_secret:
        context.problems.add_problem(path_of(("password",)), servers.NO_CREDENTIALS)
    if username is None or secret is None:
        return None
    file = context.document.absolute_path(settings.token_file) if settings.token_file is not None else None
    return TargetCredentials(username, secret, auth, str(file) if file else None, app)
