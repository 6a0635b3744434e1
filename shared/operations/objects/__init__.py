"""Tenants, targets and accounts of the registry: one set of operations for command, API and console."""

from shared.config.object_keys import InvalidObject, KeyProblem
from shared.operations.objects.adding import Actor
from shared.operations.objects.errors import (
    AccountsExhausted,
    AlreadyThere,
    InUse,
    ManagedByFile,
    NotThere,
)
from shared.operations.objects.objects import Objects, objects_of
from shared.operations.objects.showing import MOST_IN_PAGE, ObjectState, Page, Shown
from shared.ports.store import SpecFilter as ObjectFilter

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
    "ObjectFilter",
    "ObjectState",
    "Objects",
    "Page",
    "Shown",
    "objects_of",
]
