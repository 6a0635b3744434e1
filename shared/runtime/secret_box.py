"""The port `SecretBox` with the keys of this installation."""

from __future__ import annotations

import secrets

from pydantic import SecretStr

from shared.config import Configuration
from shared.model.sealed import Sealed, SecretName
from shared.ports.store import SecretStore
from shared.runtime.secret_keys import KeyRing, KeysUnusable, open_key_ring
from shared.secrets.keys import SecretKeys
from shared.secrets.sealing import NONCE_OCTETS, seal, unseal

NO_KEY = (
    "there is no key for secrets; `mailferry secrets init` makes one, and [secrets] in the configuration of "
    "each machine names it"
)


class KeyedBox:
    """Seals and opens with the keys of `ring`. Without one it raises `KeysUnusable` when it is needed."""

    def __init__(self, ring: KeyRing | None) -> None:
        self._ring = ring

    def seal(self, name: SecretName, secret: SecretStr) -> Sealed:
        """Seal a secret under the current key. Raises `KeysUnusable`."""
        return seal(self._keys(), name, secret, secrets.token_bytes(NONCE_OCTETS))

    def open(self, name: SecretName, sealed: Sealed) -> SecretStr:
        """Return the secret. Raises `KeysUnusable`, `KeyMissing` and `SecretUnreadable`."""
        return unseal(self._keys(), name, sealed)

    def _keys(self) -> SecretKeys:
        if self._ring is None:
            raise KeysUnusable(NO_KEY)
        return self._ring.keys()


async def open_secret_box(configuration: Configuration, store: SecretStore) -> KeyedBox:
    """Return the box of an installation, see `open_key_ring`. Raises `KeysUnusable`."""
    return KeyedBox(await open_key_ring(configuration.secrets, store.key_counts))
