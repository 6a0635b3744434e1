"""Reloads the configuration on HUP. If the new one cannot be used, nothing changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog

from shared.config import Configuration
from shared.model.errors import ConfigurationError, MailferryError
from shared.runtime.registry import Registry

log = structlog.get_logger("mailferry.process")


Apply = Callable[[Configuration], Awaitable[None]]
"""Brings the accounts of a configuration into the registry."""


class Reloadable(Protocol):
    """A service that can change its configuration while it runs."""

    async def reload(self, configuration: Configuration) -> None:
        """Use another configuration from now on."""
        ...


class Reloader:
    """Reloads the services of a process that was started with `configuration`.

    `apply` is for a process that brings its file's accounts into the registry.
    """

    def __init__(
        self,
        services: Mapping[str, Reloadable],
        configuration: Configuration,
        registry: Registry,
        apply: Apply | None = None,
    ) -> None:
        self._services = services
        self._registry = registry
        self._apply = apply
        self._started_with = configuration
        self._lock = asyncio.Lock()

    async def reload(self, load: Callable[[], Configuration]) -> bool:
        """Reload the services with what `load` returns, and log what needs a restart. Raises nothing.

        Returns whether the configuration is in force.

        It is read in a thread, as thousands of accounts take seconds.
        """
        async with self._lock:
            try:
                configuration = await asyncio.to_thread(load)
                if self._apply is not None:
                    await self._apply(configuration)
                self._registry.hosts = configuration.hosts
                # Password files and the like may have changed, too, which no revision tells.
                self._registry.read_again()
                for service in self._services.values():
                    await service.reload(configuration)
            except ConfigurationError as error:
                for problem in error.problems:
                    log.error("configuration not reloaded", problem=problem)
            except MailferryError as error:
                log.error("configuration not reloaded", error=error)
            except Exception:
                # Nothing awaits this task, so nothing else would report the error.
                log.exception("configuration not reloaded")
            else:
                await self._log_changes(configuration)
                return True
            return False

    async def _log_changes(self, configuration: Configuration) -> None:
        log.info("configuration reloaded", accounts=len(configuration.accounts))
        await asyncio.to_thread(log_warnings, configuration)
        if sections := self._started_with.needs_restart(configuration):
            log.warning("changes that take effect only after a restart", sections=sections)


def log_warnings(configuration: Configuration) -> None:
    """Log the warnings about a configuration that is now in force."""
    for sentence in configuration.warnings:
        log.warning("configuration warning", problem=sentence)
