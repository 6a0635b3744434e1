"""Whether somebody may do a thing: asked by the operations themselves where no path names the object."""

from __future__ import annotations

from shared.access import Access, Permission, Principal, access_to
from shared.model.errors import Fault, MailferryError


class NotPermitted(MailferryError):
    """The principal lacks a permission."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self, permission: Permission) -> None:
        super().__init__(f"this needs the permission {permission}")


class NotVisible(MailferryError):
    """There is no such thing, or the principal may not know of it."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self) -> None:
        super().__init__("there is no such thing, or you may not know of it")


def require(
    principal: Principal, permission: Permission, *, tenant: str | None, account: str | None = None
) -> None:
    """Raise `NotVisible` or `NotPermitted` unless the principal may; `account` is its id."""
    access = access_to(principal, permission, tenant=tenant, account=account)
    if access is Access.HIDDEN:
        raise NotVisible
    if access is Access.FORBIDDEN:
        raise NotPermitted(permission)
