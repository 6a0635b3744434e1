"""Where the real servers are on this machine, and what to do if one is missing.

On a developer's machine a test that needs a missing server is skipped, visibly; with `CI=true` it fails, so
that nothing is ever proved by tests that did not run.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final, NoReturn

import pytest

PROGRAMS: Final = {
    "chromium": "/usr/bin/chromium",
    "dovecot": "/usr/sbin/dovecot",
    "faketime": "/usr/lib/*/faketime/libfaketime.so.1",
    "fetchmail": "/usr/bin/fetchmail",
    "openssl": "/usr/bin/openssl",
    "pgbouncer": "/usr/sbin/pgbouncer",
    "postfix": "/usr/sbin/postfix",
    "postgres": "/usr/lib/postgresql/*/bin/postgres",
    "prometheus": "/usr/bin/prometheus",
    "rabbitmq": "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "smtp-sink": "/usr/sbin/smtp-sink",
}
"""Debian's paths, which may be patterns, by the name under which tests ask for the server."""


def find(name: str) -> Path | None:
    """The program of the server `name` (the newest of several versions), or None if it is not installed."""
    installed = sorted(Path("/").glob(PROGRAMS[name].lstrip("/")), key=_version)
    if installed:
        return installed[-1]
    on_path = shutil.which(name)
    return Path(on_path) if on_path else None


def require(name: str) -> Path:
    """The program of the server `name`; without it the running test is skipped, and fails under `CI=true`."""
    program = find(name)
    if program is None:
        unavailable(f"{name} is not installed; `make test` installs it")
    return program


def unavailable(message: str) -> NoReturn:
    """Skip the running test because of `message`; fail it under `CI=true`."""
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def _version(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.parts if part.isdigit())
