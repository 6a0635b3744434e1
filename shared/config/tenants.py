"""Builds the tenants from [[tenants]]."""

from __future__ import annotations

from typing import Any

from shared.config.context import Context
from shared.config.settings import TenantSettings
from shared.model.setting import part
from shared.model.tenant import TenantLimits


def build_tenants(context: Context, tables: list[dict[str, Any]]) -> dict[str, TenantLimits]:
    """Return the limits of the tenants by name. Add a problem for each invalid one."""
    tenants: dict[str, TenantLimits] = {}
    for settings, _, path_of in context.items("tenants", TenantSettings, tables):
        if settings.name in tenants:
            context.problems.add_problem(path_of(("name",)), '"name": another tenant has the same name')
        tenants[settings.name] = part(TenantLimits, settings)
    return tenants
