"""An object of the registry as it is shown: its keys, and when its secrets were set, but no secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.config.specs import account_of, target_of, tenant_limits_of
from shared.model.errors import ConfigurationError, MailferryError
from shared.model.hosts import HostLimits
from shared.model.spec import Kind, Manager, Spec
from shared.operations.objects.changes import opened
from shared.ports.secret_box import SecretBox

MOST_IN_PAGE = 500


class ObjectState(StrEnum):
    """Whether an object is used. What the visits of an account came to is told by `status`."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Shown:
    """An object. `secrets` has the time at which each was set, in seconds since the epoch like the others.

    `problem` says why it is unusable.
    """

    kind: Kind
    id: str
    tenant: str
    keys: Mapping[str, Any]
    secrets: Mapping[str, float]
    state: ObjectState
    problem: str | None
    revision: int
    managed_by: Manager
    origin: str
    target: str | None
    created_at: float
    changed_at: float

    @property
    def name(self) -> str:
        """The id without the tenant."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects, by id. `after` leads to the next page; None after the last."""

    objects: Sequence[Shown]
    after: str | None


def shown(spec: Spec, set_at: Mapping[tuple[str, str], float], problem: str | None) -> Shown:
    """Return a spec as it is shown."""
    state = ObjectState.ENABLED if spec.enabled else ObjectState.DISABLED
    return Shown(
        spec.kind,
        spec.id,
        spec.tenant,
        spec.keys,
        {field: set_at[spec.id, field] for field in spec.secrets if (spec.id, field) in set_at},
        state if problem is None else ObjectState.UNUSABLE,
        problem,
        spec.revision,
        spec.managed_by,
        spec.origin,
        spec.target,
        spec.created_at,
        spec.changed_at,
    )


def quick_problem(spec: Spec) -> str | None:
    """Return why an object cannot be used, as far as that is known without building it."""
    return f'there is no target "{spec.target}"' if spec.is_target_gone else None


def thorough_problem(spec: Spec, box: SecretBox, hosts: HostLimits, environ: Mapping[str, str]) -> str | None:
    """Return why an object cannot be used, with every problem; None if it can."""
    try:
        secrets = opened(spec, box)
        if spec.kind is Kind.ACCOUNT:
            account_of(spec, secrets, hosts, environ)
        elif spec.kind is Kind.TARGET:
            target_of(spec, secrets, environ)
        else:
            tenant_limits_of(spec)
    except ConfigurationError as error:
        return " · ".join(error.problems)
    except MailferryError as error:
        return str(error)
    return None
