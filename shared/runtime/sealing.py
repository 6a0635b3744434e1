"""Where a process gets its sealer from."""

from __future__ import annotations

from shared.config import Configuration
from shared.model.errors import ConfigurationError
from shared.ports.sealer import Sealer
from shared.ports.store import Store


async def open_sealer(configuration: Configuration, _store: Store) -> Sealer:
    """Return the sealer of a configuration. Raises `ConfigurationError` where it has no key."""
    raise ConfigurationError(
        [f"{configuration.document.origin}: no key is configured that tokens could be encrypted with"]
    )
