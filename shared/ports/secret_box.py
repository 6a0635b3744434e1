"""The port for secrets: they are sealed before they are stored, and opened where they are used."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from shared.model.sealed import Sealed, SecretName


class SecretBox(Protocol):
    """Seals and opens secrets. A sealed secret opens only under the name that it was sealed with."""

    def seal(self, name: SecretName, secret: SecretStr) -> Sealed:
        """Seal a secret under the current key. Raises `MailferryError`."""
        ...

    def open(self, name: SecretName, sealed: Sealed) -> SecretStr:
        """Return the secret. Raises `MailferryError` with what an operator has to do."""
        ...
