"""A secret as the database holds it: encrypted, with the id of the key that opens it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class SecretName(NamedTuple):
    """Which secret it is: that in `field` of the object `id` of this kind.

    The id of an account holds its tenant, such as "acme/box".
    """

    kind: str
    id: str
    field: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """What `shared.secrets.sealing.seal` made with the key that has this id."""

    key: str
    data: bytes = field(repr=False)
