"""Settings of a tenant."""

from __future__ import annotations

from typing import Annotated

from shared.config.settings.types import Name
from shared.model.setting import required, setting
from shared.model.tenant import TenantLimits


class TenantSettings(TenantLimits):
    """A customer. One that has no limits of its own needs no table."""

    name: Annotated[Name, required("As in `tenant` of its accounts.", form="name", example="acme")]
    trusted: bool = setting(
        False,
        "Whether its people may name servers in private networks. See `docs/security.md`.",
    )
