"""What is asked of the store about sealed secrets. It never sees one in clear."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.model.sealed import Sealed, SecretName


class SealedSecret(NamedTuple):
    """A secret and its name."""

    name: SecretName
    sealed: Sealed


class Resealed(NamedTuple):
    """A secret as it was read, and the same sealed under another key."""

    name: SecretName
    before: Sealed
    after: Sealed


class SecretStore(Protocol):
    """Sealed secrets by their names."""

    async def sealed_secrets(self, kind: str, ids: Collection[str]) -> Mapping[tuple[str, str], Sealed]:
        """Return all secrets of these objects, by id and field."""
        ...

    async def secrets_set_at(self, kind: str, ids: Collection[str]) -> Mapping[tuple[str, str], float]:
        """Return when each secret of these objects was set, by id and field."""
        ...

    async def put_secrets(self, given: Sequence[SealedSecret], now: float) -> None:
        """Set these secrets, in place of what was there. Of several with one name the last one counts."""
        ...

    async def remove_secrets(
        self, kind: str, ids: Collection[str], fields: Collection[str] | None = None
    ) -> None:
        """Remove the secrets of these objects, or only those in `fields`."""
        ...

    async def sealed_under_other_keys(
        self, key: str, after: SecretName | None, limit: int
    ) -> Sequence[SealedSecret]:
        """Return up to `limit` secrets that are not sealed under `key`, by name, from beyond `after` on."""
        ...

    async def reseal(self, resealed: Sequence[Resealed]) -> int:
        """Replace each secret that is still as it was read; return how many that were.

        One that was set or removed meanwhile is left alone. When it was set stays as it is.
        """
        ...

    async def key_counts(self) -> Mapping[str, int]:
        """Return how many secrets are sealed under each key, by the key's id.

        A schema that is too old to hold secrets holds none.
        """
        ...
