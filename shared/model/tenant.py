"""A tenant: a customer, with limits for all of its accounts together."""

from __future__ import annotations

from shared.model.setting import Settings, setting, size
from shared.model.size import Size


class TenantLimits(Settings):
    """Limits of a tenant. None leaves it to the limits that are for all tenants."""

    max_accounts: int | None = setting(None, "How many accounts the tenant may have.", example=100, ge=0)
    window_messages: int | None = setting(
        None, "Mails of the tenant in custody at once, instead of `tenant_window_messages`.", ge=1
    )
    window_bytes: Size | None = size(
        None, "Octets of the tenant in custody at once, instead of `tenant_window_bytes`.", ge=1
    )
    enabled: bool = setting(
        True, "Whether its mailboxes are visited, and mail of them delivered. Without, it waits."
    )
    daily_mails: int | None = setting(
        None, "Mails of the tenant that are fetched in one day (UTC); the rest waits at its sources.", ge=1
    )


NO_TENANT_LIMITS = TenantLimits()
