"""Settings that accounts and targets share: login, and protection of the connection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import PlainValidator

from shared.config import values
from shared.config.settings.types import Secret, Text, TlsMode
from shared.model.address_policy import IpNetwork
from shared.model.setting import Settings, setting


class ServerSettings(Settings):
    """Login and protection of the connection. A password is given in one of three ways, or in the URL."""

    username: Text | None = setting(
        None, "The user name, where the URL has none.", example="user@isp.example"
    )
    password: Secret | None = setting(None, "The password itself.")
    password_file: Text | None = setting(
        None, "A file that holds the password alone.", example="/etc/mailferry/acme.password"
    )
    password_env: Text | None = setting(None, "The environment variable that holds the password.")
    token: Secret | None = setting(None, "An OAuth 2 access token in place of the password.")
    token_file: Text | None = setting(
        None, "A file with the access token, read anew for each login.", example="/run/mailferry/token"
    )
    token_env: Text | None = setting(None, "The environment variable that holds the access token.")
    oauth_app: Text | None = setting(
        None,
        'The app by which Mailferry gets the tokens itself, with `auth = "oauth"`. See `docs/oauth.md`.',
        form="name of an app",
        example="microsoft",
    )
    tls: TlsMode | None = setting(
        None,
        "For schemes without implicit TLS. Default: `required`, and for a target without a login `wanted`.",
        example="required",
    )
    tls_verify: bool = setting(True, "Whether the server's certificate is checked.")
    tls_pin: Annotated[str, PlainValidator(values.pin)] | None = setting(
        None,
        "The fingerprint of the one certificate that is accepted; it replaces the check.",
        form="`sha256:` and 64 hex digits",
    )
    ca_file: Text | None = setting(
        None, "Certificates of an own authority, in PEM form.", example="/etc/mailferry/ca.pem"
    )
    addresses: Literal["any", "public"] = setting("any", "`public` refuses hosts at private addresses.")
    deny_addresses: Annotated[tuple[IpNetwork, ...], PlainValidator(values.networks)] = setting(
        (), "Networks that are never connected to.", form="list of networks", example=["10.0.0.0/8"]
    )
