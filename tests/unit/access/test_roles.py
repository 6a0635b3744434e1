"""The one table of permissions, the decisions about it, and its copy in the documentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access import PERMISSIONS, Access, Permission, Principal, Role, access_to, permissions_of
from shared.access.roles import may_grant
from tests.fakes.command import REPOSITORY

TENANTS = st.sampled_from([None, "acme", "other"])
PRINCIPALS = st.builds(
    Principal,
    st.just("x"),
    st.sampled_from(Role),
    TENANTS,
    st.frozensets(st.sampled_from(["acme/a", "acme/b", "other/a"])),
    st.none() | st.frozensets(st.sampled_from(Permission)),
)


def test_the_documentation_has_the_table() -> None:
    page = (REPOSITORY / "docs" / "api.md").read_text()
    for permission in Permission:
        cells = " | ".join("yes" if permission in PERMISSIONS[role] else "" for role in Role)
        assert f"| `{permission}` | {cells} |" in page


@given(PRINCIPALS, st.sampled_from(Permission), st.sampled_from(["acme", "other"]))
def test_nobody_reaches_another_tenant(who: Principal, permission: Permission, tenant: str) -> None:
    access = access_to(who, permission, tenant=tenant)
    if who.tenant not in {None, tenant}:
        assert access is Access.HIDDEN
    else:
        assert (access is Access.ALLOWED) == (permission in permissions_of(who))


@given(PRINCIPALS, PRINCIPALS)
def test_what_is_granted_is_never_more_than_the_giver_has(giver: Principal, receiver: Principal) -> None:
    if not may_grant(giver, receiver):
        return
    assert permissions_of(receiver) <= permissions_of(giver)
    for tenant in (None, "acme", "other"):
        for permission in Permission:
            if access_to(receiver, permission, tenant=tenant) is Access.ALLOWED:
                assert access_to(giver, permission, tenant=tenant) is Access.ALLOWED


@pytest.mark.parametrize("permission", Permission)
def test_an_operator_may_do_everything(permission: Permission) -> None:
    operator = Principal("o", Role.OPERATOR)
    assert access_to(operator, permission, tenant=None) is Access.ALLOWED
    assert access_to(operator, permission, tenant="acme") is Access.ALLOWED


def test_an_owner_sees_only_the_accounts_that_are_named() -> None:
    owner = Principal("o", Role.OWNER, "acme", frozenset({"acme/a"}))
    read = Permission.ACCOUNTS_READ
    assert access_to(owner, read, tenant="acme", account="acme/a") is Access.ALLOWED
    assert access_to(owner, read, tenant="acme", account="acme/b") is Access.HIDDEN


@pytest.mark.parametrize("role", [Role.ADMIN, Role.SUPPORT, Role.OWNER, Role.AUDITOR])
def test_an_admin_gives_every_role_of_its_tenant(role: Role) -> None:
    admin = Principal("a", Role.ADMIN, "acme")
    assert may_grant(admin, Principal("x", role, "acme"))
    assert not may_grant(admin, Principal("x", role, "other"))
