"""Tenants, targets and accounts of the registry: one set of operations for command, API and console."""

from shared.config.object_keys import InvalidObject, KeyProblem
from shared.operations.objects.errors import (
    AccountsExhausted,
    AlreadyThere,
    InUse,
    ManagedByFile,
    NotThere,
)
from shared.operations.objects.objects import Actor, Objects, objects_of
from shared.operations.objects.showing import MOST_IN_PAGE, ObjectState, Page, Shown

__all__ = [
    "MOST_IN_PAGE",
    "AccountsExhausted",
    "Actor",
    "AlreadyThere",
    "InUse",
    "InvalidObject",
    "KeyProblem",
    "ManagedByFile",
    "NotThere",
    "ObjectState",
    "Objects",
    "Page",
    "Shown",
    "objects_of",
]
