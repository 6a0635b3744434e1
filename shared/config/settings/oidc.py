"""Settings of signing in at an identity provider (OpenID Connect)."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator

from shared.access import Role
from shared.config import oauth_values
from shared.config.settings.types import Secret, Text
from shared.model.setting import Settings, setting

GROUP_ROLES = frozenset(role.value for role in Role if role is not Role.OWNER)
"""An owner has accounts that no group names."""
IN_A_TENANT = frozenset({Role.ADMIN.value})


def _groups(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError('expected a table of groups such as { "mail-admins" = "operator" }')  # noqa: TRY004 - pydantic's way
    for group, given in value.items():
        role, at, tenant = str(given).partition("@")
        if role not in GROUP_ROLES:
            raise ValueError(f'"{group}": expected one of {", ".join(sorted(GROUP_ROLES))}')
        if (role in IN_A_TENANT and not tenant) or (at and not tenant) or (role == "operator" and at):
            raise ValueError(f'"{group}": write "admin@TENANT"; an operator belongs to no tenant')
    return {str(group): str(given) for group, given in value.items()}


class OidcSettings(Settings):
    """People sign in to API and console at an identity provider (`docs/api.md`).

    The address `/oauth/callback` below `[control] url` has to be among the redirect URIs of the client.
    """

    issuer: Annotated[str, PlainValidator(oauth_values.safe_url)] | None = setting(
        None, "The provider. Without it, nobody signs in this way.", example="https://id.example/realms/mail"
    )
    client_id: Text | None = setting(None, "What the provider knows Mailferry by.", example="mailferry")
    client_secret: Secret | None = setting(None, "The client's secret, where it has one.")
    client_secret_file: Text | None = setting(
        None, "A file that holds the secret alone.", example="/etc/mailferry/oidc.secret"
    )
    client_secret_env: Text | None = setting(None, "The environment variable that holds the secret.")
    title: Text = setting("single sign-on", "What the provider is called on the page.", example="Acme")
    scopes: Annotated[tuple[str, ...], PlainValidator(oauth_values.scopes)] = setting(
        ("openid", "email", "profile"),
        "What is asked for. Some providers have a scope for groups.",
        form="list of scopes",
        example=["openid", "email", "groups"],
    )
    name_claim: Text = setting("email", "The claim that names a person.", example="preferred_username")
    groups_claim: Text = setting("groups", "The claim that has a person's groups.", example="roles")
    groups: Annotated[dict[str, str], PlainValidator(_groups)] = setting(
        {},
        "The role that a group gives, with its tenant. Of several groups the one that stands first counts.",
        form="table of roles",
        example={"mail-operators": "operator", "acme-mail": "admin@acme"},
    )
