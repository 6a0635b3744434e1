"""Which OAuth apps people of a tenant may have their accounts and targets log in by.

An app that signs in as itself (client-credentials, service-account) opens mailboxes without anybody's
consent, so a tenant may use one only if it is the tenant's own. With a global app of that kind the mailbox is
an operator's choice, as is the app.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from shared.access import Principal
from shared.config.object_keys import InvalidObject, KeyProblem, object_id
from shared.model.oauth import Flow
from shared.model.spec import Kind
from shared.oauth.app import OAuthApp
from shared.operations.address_guard import SERVER_KEYS
from shared.operations.people import GrantRefused
from shared.runtime.oauth.apps import Apps, no_app

APP_KEYS = SERVER_KEYS | {"oauth_app", "auth", "username"}
"""The keys that say which mailbox an app opens."""


class AppUse(Enum):
    """What people of a tenant may do with an app. `UNKNOWN`: it does not exist for them."""

    ALLOWED = auto()
    UNKNOWN = auto()
    OPERATORS = auto()


def app_use(app: OAuthApp | None, tenant: str) -> AppUse:
    """Return whether people of a tenant may have an app open a mailbox that they name."""
    if app is None or not app.serves(tenant):
        return AppUse.UNKNOWN
    if app.tenant is None and app.flow is not Flow.USER:
        return AppUse.OPERATORS
    return AppUse.ALLOWED


async def check_app(
    apps: Apps, principal: Principal, kind: Kind, keys: Mapping[str, Any], before: Mapping[str, Any]
) -> None:
    """Raise `InvalidObject` or `GrantRefused` where the principal may not have this app open this mailbox.

    `keys` are those that he gives, `before` those that the object has, or inherits.
    """
    name = keys.get("oauth_app", before.get("oauth_app"))
    if principal.tenant is None or name is None or not APP_KEYS & keys.keys():
        return
    match app_use((await apps.known()).get(str(name)), principal.tenant):
        case AppUse.UNKNOWN:
            told = KeyProblem("oauth_app", no_app(str(name)))
            raise InvalidObject(kind, object_id(kind, {**before, **keys}), [told])
        case AppUse.OPERATORS:
            raise GrantRefused(
                "only an operator may name an app that signs in as itself, and the mailbox that it opens"
            )
        case AppUse.ALLOWED:
            return
