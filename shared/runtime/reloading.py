"""HUP: the services work by the configuration as it is now; one that cannot be used changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from shared.config import Configuration
from shared.model.errors import ConfigurationError, MailferryError

log = structlog.get_logger("mailferry.process")


class Reloadable(Protocol):
    """What works by a configuration."""

    async def reload(self, configuration: Configuration) -> None:
        """Work by another configuration from now on."""
        ...


class Reloading:
    """Of the services of a process that was started with `configuration`."""

    def __init__(self, services: Mapping[str, Reloadable], configuration: Configuration) -> None:
        self._services = services
        self._started_with = configuration
        self._one_at_a_time = asyncio.Lock()

    async def reload(self, load: Callable[[], Configuration]) -> None:
        """Take over what `load` reads, and say what of it has to wait for a restart. Raises nothing.

        Reading thousands of accounts takes seconds, in which the process goes on.
        """
        async with self._one_at_a_time:
            try:
                configuration = await asyncio.to_thread(load)
                for service in self._services.values():
                    await service.reload(configuration)
            except ConfigurationError as error:
                for problem in error.problems:
                    log.error("configuration not reloaded", problem=problem)
            except MailferryError as error:
                log.error("configuration not reloaded", error=error)
            except Exception:
                # Nobody waits for this task, so nobody else would tell.
                log.exception("configuration not reloaded")
            else:
                await self._tell(configuration)

    async def _tell(self, configuration: Configuration) -> None:
        log.info("configuration reloaded", accounts=len(configuration.accounts))
        await asyncio.to_thread(log_warnings, configuration)
        if sections := self._started_with.needs_restart(configuration):
            log.warning("changes that take effect only after a restart", sections=sections)


def log_warnings(configuration: Configuration) -> None:
    """Log what is odd in a configuration that is now in force."""
    for sentence in configuration.warnings:
        log.warning("odd configuration", problem=sentence)
