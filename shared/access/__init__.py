"""Who may do what: roles, permissions, tokens, passwords and sessions. Nothing here touches the store."""

from shared.access.roles import (
    PERMISSIONS,
    WITHIN_ONE_TENANT,
    Access,
    Permission,
    Principal,
    Role,
    access_to,
    permissions_of,
)

__all__ = [
    "PERMISSIONS",
    "WITHIN_ONE_TENANT",
    "Access",
    "Permission",
    "Principal",
    "Role",
    "access_to",
    "permissions_of",
]
