"""What `mailferry config check` finds that a look at the file alone does not show: this machine, and the sum
of broker, database and blobs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from shared.config import Configuration
from shared.model.endpoint import LOCALHOST


def findings(configuration: Configuration) -> list[str]:
    """Return a sentence for each thing that keeps Mailferry from starting here, or was hardly meant."""
    return [*configuration.warnings, *_directories(configuration), *_several_processes(configuration)]


def _directories(configuration: Configuration) -> Iterator[str]:
    """Yield what is wrong with the directories of the database and of the blobs."""
    database = configuration.store.sqlite_path
    if database is not None and (reason := _unusable(database.parent, is_made=False)):
        yield _sentence(configuration, "store", f"the database cannot be made: {reason}")
    blobs = configuration.blobs.directory
    if blobs is not None and (reason := _unusable(blobs, is_made=True)):
        yield _sentence(configuration, "blobs", f"blobs cannot be written: {reason}")


def _unusable(directory: Path, *, is_made: bool) -> str | None:
    """Why nothing can be written there; None where it can. A missing one may be `is_made` at the start."""
    if directory.is_dir():
        is_usable = os.access(directory, os.W_OK | os.X_OK)
        return None if is_usable else f"this user may not write into {directory}; change its owner or mode"
    if directory.exists():
        return f"{directory} is not a directory"
    if not is_made:
        return f"there is no directory {directory}; make it for the user who runs Mailferry, or name another"
    return _unusable(_nearest(directory), is_made=False)


def _nearest(directory: Path) -> Path:
    """The nearest directory around it that exists."""
    return next(each for each in directory.parents if each.exists())


def _several_processes(configuration: Configuration) -> Iterator[str]:
    """Yield what does not fit RabbitMQ, which is for several processes and machines."""
    broker, store = configuration.broker, configuration.store
    if broker.in_process:
        return
    if store.sqlite_path is not None:
        yield _sentence(
            configuration,
            "store",
            "SQLite is for one process, and RabbitMQ is for several: name postgresql:// here, or memory: "
            "in [broker]",
        )
        return
    elsewhere = [
        name
        for name, url in (("RabbitMQ", broker.url), ("PostgreSQL", store.url))
        if not _is_here(url.get_secret_value())
    ]
    if configuration.blobs.directory is not None and elsewhere:
        yield _sentence(
            configuration,
            "blobs",
            f"{' and '.join(elsewhere)} can be on another machine. Where services run on several machines, "
            "all of them need the same blobs: name s3://, or a directory that they share",
        )


def _is_here(url: str) -> bool:
    """Whether a server is on this machine."""
    host = urlsplit(url).hostname
    if host is None or host == LOCALHOST:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _sentence(configuration: Configuration, section: str, what: str) -> str:
    place = configuration.document.location_of((section, "url"))
    return f'{place}: [{section}] "url": {what}'
