"""Builds the login at a source: user name, password or token, and the methods to log in with."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import SecretStr

from shared.config import servers
from shared.config.account_keys import AccountKeys
from shared.config.context import Context
from shared.config.secrets import WAYS
from shared.config.settings import AccountSettings
from shared.config.urls import ServerUrl
from shared.model.account import Login
from shared.model.authentication import BY_NAME


def login(
    context: Context, settings: AccountSettings, source: ServerUrl, account_keys: AccountKeys
) -> Login | None:
    """Return the login of an account; None after adding its problems."""
    keys = account_keys.table().keys()
    username = servers.username(context, settings, source, account_keys.path_of)
    password = servers.password(context, settings, source, keys, account_keys.path_of)
    token = context.secret(settings, "token", account_keys.path_of)
    has_password = password is not None or servers.has_password_key(keys)
    app = settings.oauth_app
    gives_token = any("token" + way in keys for way in WAYS)
    has_token = gives_token or app is not None
    if username is None:
        account_keys.add_problem(
            context.problems, "username", '"username" is missing; the URL may have it, too'
        )
    if has_password and has_token:
        account_keys.add_problem(context.problems, "token", "there is a password, too; keep one of them")
    elif not has_password and not has_token:
        account_keys.add_problem(context.problems, "password", servers.NO_CREDENTIALS)
    if app is not None and gives_token:
        account_keys.add_problem(context.problems, "oauth_app", "there is a token, too; keep one of them")
    _check_methods(context, settings.auth, account_keys, has_token=has_token)
    if username is None or (password is None and token is None and app is None):
        return None
    by_file = token is not None and settings.token_file is not None
    return Login(
        username,
        password or SecretStr(""),
        settings.auth,
        token=None if by_file else token,
        token_file=str(context.document.absolute_path(settings.token_file or "")) if by_file else None,
        detect=settings.detect,
        oauth_app=app,
    )


def _check_methods(
    context: Context, auth: Collection[str], account_keys: AccountKeys, *, has_token: bool
) -> None:
    """Add a problem if none of the methods can use the password or token."""
    if not auth or any(BY_NAME[name].token == has_token for name in auth):
        return
    if has_token:
        sentence = '"auth": none of these methods takes a token; those are "oauthbearer" and "xoauth2"'
    else:
        sentence = '"auth": all of these methods need a token; give "token", "token_file" or "token_env"'
    account_keys.add_problem(context.problems, "auth", sentence)
