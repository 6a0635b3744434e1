"""[[targets]] to the targets that mail is delivered to."""

from __future__ import annotations

from typing import Any

from shared.config import servers
from shared.config.context import Context
from shared.config.locate import Path
from shared.config.problems import Where
from shared.config.secrets import WAYS
from shared.config.settings import TargetSettings
from shared.model.endpoint import Tls
from shared.model.setting import part
from shared.model.target import DeliveryOptions, Target, TargetCredentials

LMTP = frozenset({"lmtp", "lmtp+unix"})
TOKEN_METHODS = frozenset({"XOAUTH2", "OAUTHBEARER"})


def build_targets(context: Context, tables: list[dict[str, Any]]) -> dict[str, Target]:
    """The valid targets by name; everything else has been noted as a problem."""
    targets: dict[str, Target] = {}
    for index, table in enumerate(tables):

        def where(key: Path, at: Path = ("targets", index)) -> Path:
            return at + key

        settings = context.validated(TargetSettings, table, where)
        if settings is None:
            continue
        if settings.name in targets:
            context.problems.add(where(("name",)), '"name": another target has the same name')
        targets[settings.name] = _target(context, settings, set(table), where)
    return targets


def declared_names(tables: list[dict[str, Any]]) -> list[str]:
    """The names of all targets, valid or not, so that one mistake is not reported twice."""
    return [name for table in tables if isinstance(name := table.get("name"), str)]


def _target(context: Context, settings: TargetSettings, own: set[str], where: Where) -> Target:
    """A target that wants credentials gets them only through TLS, unless `tls` says otherwise."""
    credentials = _credentials(context, settings, own, where)
    default = Tls.WANTED if credentials is None else Tls.REQUIRED
    if settings.url.unix_path is not None:
        default = Tls.OFF
    endpoint = servers.endpoint(context, settings, settings.url, own, where, default)
    lmtp = settings.url.scheme in LMTP
    return Target(
        settings.name,
        endpoint,
        credentials,
        settings.connections,
        settings.rules,
        lmtp,
        part(DeliveryOptions, settings),
    )


def _credentials(
    context: Context, settings: TargetSettings, keys: set[str], where: Where
) -> TargetCredentials | None:
    username = servers.username(context, settings, settings.url, where)
    password = servers.password(context, settings, settings.url, keys, where)
    token = context.secret(settings, "token", where)
    has_token = any("token" + way in keys for way in WAYS)
    has_password = password is not None or servers.gives_password(keys)
    if has_password and has_token:
        context.problems.add(where(("token",)), '"token": there is a password, too; keep one of them')
    if has_token and not TOKEN_METHODS.issuperset(settings.auth or ("",)):
        context.problems.add(
            where(("auth",)), '"auth": with a token, name "oauthbearer", "xoauth2", or both in your order'
        )
    if not has_token and TOKEN_METHODS.intersection(settings.auth):
        context.problems.add(
            where(("auth",)), '"auth": these methods need a token; give "token", "token_file" or "token_env"'
        )
    secret, has_secret = password or token, has_password or has_token
    if username is None and has_secret:
        context.problems.add(where(("username",)), '"username" is missing, though there is a password')
    if username is not None and not has_secret:
        context.problems.add(where(("password",)), servers.NOT_GIVEN)
    if username is None or secret is None:
        return None
    file = context.document.resolved(settings.token_file) if settings.token_file is not None else None
    return TargetCredentials(username, secret, settings.auth, str(file) if file else None)
