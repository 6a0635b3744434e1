"""Who we are at a source: user name, a password or a token, and the methods to log in with."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import SecretStr

from shared.config import servers
from shared.config.context import Context
from shared.config.layers import Layered
from shared.config.secrets import WAYS
from shared.config.settings import AccountSettings
from shared.config.urls import ServerUrl
from shared.model.account import Login
from shared.model.authentication import BY_NAME


def login(context: Context, settings: AccountSettings, source: ServerUrl, layered: Layered) -> Login | None:
    """The login of an account; None after its problems were noted."""
    keys = layered.table().keys()
    username = servers.username(context, settings, source, layered.where)
    password = servers.password(context, settings, source, keys, layered.where)
    token = context.secret(settings, "token", layered.where)
    has_password = password is not None or servers.gives_password(keys)
    has_token = any("token" + way in keys for way in WAYS)
    if username is None:
        layered.note(context.problems, "username", '"username" is missing; the URL may have it, too')
    if has_password and has_token:
        layered.note(context.problems, "token", "there is a password, too; keep one of them")
    elif not has_password and not has_token:
        layered.note(context.problems, "password", servers.NOT_GIVEN)
    _check_methods(context, settings.auth, layered, has_token=has_token)
    if username is None or (password is None and token is None):
        return None
    by_file = token is not None and settings.token_file is not None
    return Login(
        username,
        password or SecretStr(""),
        settings.auth,
        token=None if by_file else token,
        token_file=str(context.document.resolved(settings.token_file or "")) if by_file else None,
        detect=settings.detect,
    )


def _check_methods(context: Context, auth: Collection[str], layered: Layered, *, has_token: bool) -> None:
    """At least one of the methods must be able to use what there is to log in with."""
    if not auth or any(BY_NAME[name].token == has_token for name in auth):
        return
    if has_token:
        sentence = '"auth": none of these methods takes a token; those are "oauthbearer" and "xoauth2"'
    else:
        sentence = '"auth": all of these methods need a token; give "token", "token_file" or "token_env"'
    layered.note(context.problems, "auth", sentence)
