"""Settings of an OAuth app."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import PlainValidator

from shared.config import oauth_values
from shared.config.settings.types import Name, Secret, Text
from shared.model.setting import Settings, required, setting


class OAuthAppSettings(Settings):
    """An app that is registered at a provider, by which accounts and targets get their tokens.

    `docs/oauth.md` says step by step how to register one.
    """

    name: Annotated[
        Name, required("The name by which accounts refer to it.", form="name", example="microsoft")
    ]
    tenant: Name | None = setting(
        None,
        "The tenant whose accounts and targets may log in by it. Default: those of all tenants; but if the "
        "app signs in as itself, only operators may give it a mailbox.",
        form="name",
        example="acme",
    )
    provider: Literal["google", "microsoft", "yahoo", "aol", "zoho"] | None = setting(
        None, "Who it is registered with.", example="microsoft"
    )
    discovery: Annotated[str, PlainValidator(oauth_values.safe_url)] | None = setting(
        None,
        "The discovery document of another provider (OpenID Connect, RFC 8414).",
        form="https address",
        example="https://id.example/.well-known/openid-configuration",
    )
    client_id: Text | None = setting(
        None,
        "The app's id. A service account needs none here.",
        example="6731de76-14a6-49ae-97bc-6eba6914391e",
    )
    client_secret: Secret | None = setting(None, "The app's secret, where it has one.")
    client_secret_file: Text | None = setting(
        None, "A file that holds the secret alone.", example="/etc/mailferry/microsoft.secret"
    )
    client_secret_env: Text | None = setting(None, "The environment variable that holds the secret.")
    secret_expires: Annotated[float, PlainValidator(oauth_values.day)] | None = setting(
        None,
        "The day on which the provider lets the secret end. Mailferry warns 14 days before.",
        form="date",
        example="2027-06-30",
    )
    flow: Literal["user", "client-credentials", "service-account"] = setting(
        "user",
        "Who gives the app access: each owner by signing in, or an administrator for all mailboxes.",
    )
    service_account_file: Text | None = setting(
        None,
        "The key of a Google service account, as the JSON file that Google gives out.",
        example="/etc/mailferry/google.json",
    )
    directory: Annotated[str, PlainValidator(oauth_values.directory)] | None = setting(
        None,
        "Where the users are. Microsoft's tenant: its id or domain, or `common` (the default), "
        "`organizations`, `consumers`. Zoho: the server of its data centre, such as `accounts.zoho.eu`; "
        "default: `accounts.zoho.com`.",
        form="id or domain",
        example="acme.onmicrosoft.com",
    )
    scopes: Annotated[tuple[str, ...], PlainValidator(oauth_values.scopes)] = setting(
        (), "What is asked for, in place of what the provider is known to need.", form="list of scopes"
    )
    redirect: Annotated[str, PlainValidator(oauth_values.redirect)] | None = setting(
        None,
        "Where the browser goes after the sign-in, as registered. Default: `http://localhost`, any port.",
        form="address",
        example="https://mail.example/oauth",
    )
    testing: bool = setting(
        False, 'Google: the app has the publishing status "Testing", in which sign-ins last seven days.'
    )
