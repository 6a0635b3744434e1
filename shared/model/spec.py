"""What the registry holds of a tenant, a target or an account: its keys as written, and their history.

The keys are those of the configuration's tables, without secrets. They are validated before they are saved,
and again where they are used: what they refer to may have changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from shared.model.sealed import Sealed


class Kind(StrEnum):
    """What a spec describes."""

    TENANT = "tenant"
    TARGET = "target"
    ACCOUNT = "account"


class Manager(StrEnum):
    """How an object came into the registry, and is to be changed: by a file, the command, or the API."""

    FILE = "file"
    COMMAND = "command"
    API = "api"


NO_KEYS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Spec:
    """An object of the registry. `id` is `tenant/name`, or the name alone of a tenant or a global target.

    `target` is the id of an account's target, None for other kinds. `revision` is the registry's when the
    object was last changed. `origin` says more about the manager: the path of the file, or who it was.
    `removed_at`: it was removed then, and stays until its mail is done. Times are seconds since the epoch.
    `is_target_gone`: an account's target is not in the registry, or was removed.
    """

    kind: Kind
    id: str
    tenant: str
    keys: Mapping[str, Any]
    enabled: bool
    revision: int
    managed_by: Manager
    origin: str
    created_at: float
    changed_at: float
    target: str | None = None
    removed_at: float | None = None
    is_target_gone: bool = False
    secrets: Mapping[str, Sealed] = field(default_factory=dict, repr=False)
