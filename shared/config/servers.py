"""What sources and targets have in common: the endpoint, and who we are there."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import SecretStr

from shared.config.context import Context
from shared.config.problems import Where
from shared.config.secrets import WAYS
from shared.config.settings import ServerSettings
from shared.config.urls import ServerUrl
from shared.model.address_policy import AddressPolicy
from shared.model.endpoint import Endpoint, Tls

IMPLICIT = frozenset({"pop3s", "smtps"})
NOT_GIVEN = 'the password is missing; give "password", "password_file" or "password_env"'


def endpoint(
    context: Context,
    settings: ServerSettings,
    url: ServerUrl,
    own: Collection[str],
    where: Where,
    default: Tls,
) -> Endpoint:
    """Where the server is and how TLS comes about.

    With a scheme that begins with TLS, a contradicting `tls` is a problem only among the keys of the
    settings's `own`: in [defaults] it is meant for the others.
    """
    tls = Tls(settings.tls) if settings.tls else default
    if url.scheme in IMPLICIT:
        if "tls" in own and settings.tls in ("off", "wanted"):
            context.problems.add(
                where(("tls",)),
                f'"tls": {url.scheme} begins with TLS, which contradicts "{settings.tls}"',
            )
        tls = Tls.IMPLICIT
    _check_trust(context, settings, tls, where)
    ca_file = context.authority(settings.ca_file, where)
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


def _check_trust(context: Context, settings: ServerSettings, tls: Tls, where: Where) -> None:
    """There is one way to trust a server: its authority, its pinned certificate, or blindly."""
    if settings.ca_file is not None and not settings.tls_verify:
        context.problems.add(where(("ca_file",)), '"ca_file" has no effect with tls_verify = false')
    if settings.tls_pin is None:
        return
    if settings.ca_file is not None:
        context.problems.add(where(("ca_file",)), '"ca_file" has no effect with "tls_pin"; remove it')
    if not settings.tls_verify:
        context.problems.add(
            where(("tls_verify",)), 'tls_verify = false has no effect with "tls_pin"; remove it'
        )
    if tls in {Tls.OFF, Tls.WANTED}:
        context.problems.add(
            where(("tls_pin",)), f'"tls_pin": with tls = "{tls.value}" a login in clear remains possible'
        )


def username(context: Context, settings: ServerSettings, url: ServerUrl, where: Where) -> str | None:
    """The user name, from its key or the URL."""
    if settings.username is not None and url.username is not None:
        context.problems.add(where(("username",)), '"username": the URL has one, too; keep one of them')
    return settings.username or url.username


def password(
    context: Context, settings: ServerSettings, url: ServerUrl, keys: Collection[str], where: Where
) -> SecretStr | None:
    """The password, from one of its keys or the URL."""
    secret = context.secret(settings, "password", where)
    if url.password is None:
        return secret
    if gives_password(keys):
        context.problems.add(where(("password",)), "the URL has a password, too; keep one of them")
    return url.password


def gives_password(keys: Collection[str]) -> bool:
    """Whether one of the keys gives a password, be it usable or not."""
    return any("password" + way in keys for way in WAYS)
