"""Builds what sources and targets have in common: endpoint, user name and password."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import SecretStr

from shared.config.context import Context
from shared.config.problems import PathOf
from shared.config.secrets import WAYS
from shared.config.settings import ServerSettings
from shared.config.urls import ServerUrl
from shared.model.address_policy import AddressPolicy
from shared.model.endpoint import Endpoint, Tls

IMPLICIT = frozenset({"pop3s", "imaps", "smtps"})
NO_CREDENTIALS = 'the password is missing; give "password", "password_file" or "password_env"'


def endpoint(
    context: Context,
    settings: ServerSettings,
    url: ServerUrl,
    own: Collection[str],
    path_of: PathOf,
    default: Tls,
) -> Endpoint:
    """Return the address of the server and how the connection is protected.

    With a scheme of implicit TLS, a contradicting `tls` is a problem only among the `own` keys: in [defaults]
    it is meant for other accounts.
    """
    tls = Tls(settings.tls) if settings.tls else default
    if url.scheme in IMPLICIT:
        if "tls" in own and settings.tls in ("off", "wanted"):
            context.problems.add_problem(
                path_of(("tls",)),
                f'"tls": {url.scheme} begins with TLS, which contradicts "{settings.tls}"',
            )
        tls = Tls.IMPLICIT
    _check_trust(context, settings, tls, path_of)
    ca_file = context.ca_file(settings.ca_file, path_of)
    return Endpoint(
        url.host,
        url.port,
        tls,
        settings.tls_verify,
        ca_file,
        unix_path=url.unix_path,
        pin=settings.tls_pin,
        by_mx=url.scheme == "mx",
        addresses=AddressPolicy(settings.addresses == "public", settings.deny_addresses),
    )


def _check_trust(context: Context, settings: ServerSettings, tls: Tls, path_of: PathOf) -> None:
    """Add a problem if two ways to trust a server are given."""
    if settings.ca_file is not None and not settings.tls_verify:
        context.problems.add_problem(path_of(("ca_file",)), '"ca_file" has no effect with tls_verify = false')
    if settings.tls_pin is None:
        return
    if settings.ca_file is not None:
        context.problems.add_problem(
            path_of(("ca_file",)), '"ca_file" has no effect with "tls_pin"; remove it'
        )
    if not settings.tls_verify:
        context.problems.add_problem(
            path_of(("tls_verify",)), 'tls_verify = false has no effect with "tls_pin"; remove it'
        )
    if tls in {Tls.OFF, Tls.WANTED}:
        context.problems.add_problem(
            path_of(("tls_pin",)), f'"tls_pin": with tls = "{tls.value}" a login in clear remains possible'
        )


def username(context: Context, settings: ServerSettings, url: ServerUrl, path_of: PathOf) -> str | None:
    """Return the user name, from its key or the URL."""
    if settings.username is not None and url.username is not None:
        context.problems.add_problem(
            path_of(("username",)), '"username": the URL has one, too; keep one of them'
        )
    return settings.username or url.username


def password(
    context: Context, settings: ServerSettings, url: ServerUrl, keys: Collection[str], path_of: PathOf
) -> SecretStr | None:
    """Return the password, from one of its keys or the URL."""
    secret = context.secret(settings, "password", path_of)
    if url.password is None:
        return secret
    if has_password_key(keys):
        context.problems.add_problem(path_of(("password",)), "the URL has a password, too; keep one of them")
    return url.password


def has_password_key(keys: Collection[str]) -> bool:
    """Whether one of the keys gives a password, usable or not."""
    return any("password" + way in keys for way in WAYS)
