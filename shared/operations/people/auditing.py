"""The audit: who did what to which object, from where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.access import Principal
from shared.config.specs import SECRET_KEYS
from shared.operations.context import OperatorContext
from shared.ports.store import AuditRecord
from shared.ports.store.oauth import CLIENT_SECRET

CHANGED = "changed"
SECRETS = frozenset({"password", "secret", "code", CLIENT_SECRET}.union(*SECRET_KEYS.values()))


class Doer(NamedTuple):
    """Who does something: `name` as in `Principal.id`, and the network address that it came from."""

    name: str
    address: str


async def record(
    context: OperatorContext,
    doer: Doer,
    action: str,
    name: str,
    tenant: str | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record that `doer` did `action` to the object `name`. Secrets are replaced by a word.

    What was answered before the act is asked anew from now on.
    """
    context.recent.forget()
    await context.access.record([_audited(context, doer, action, name, tenant, before, after)])


async def record_additions(
    context: OperatorContext,
    doer: Doer,
    action: str,
    added: Mapping[str, Mapping[str, Any]],
    tenant: str | None,
) -> None:
    """Record that `doer` added these objects, by id with their keys, as `record` does."""
    context.recent.forget()
    if added:
        await context.access.record(
            [_audited(context, doer, action, name, tenant, None, keys) for name, keys in added.items()]
        )


async def audit_page(
    context: OperatorContext, principal: Principal, before: int, limit: int
) -> Sequence[AuditRecord]:
    """Return up to `limit` records that the principal may see, newest first, from below `before` on."""
    return await context.access.audit(principal.tenant, before, limit)


def _audited(
    context: OperatorContext,
    doer: Doer,
    action: str,
    name: str,
    tenant: str | None,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> AuditRecord:
    at = context.clock.now()
    return AuditRecord(at, doer.name, doer.address, action, tenant, name, _without(before), _without(after))


def _without(values: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if values is None:
        return None
    return {
        key: CHANGED if key in SECRETS and value is not None else _plain(value)
        for key, value in values.items()
    }


def _plain(value: object) -> object:
    """The value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
