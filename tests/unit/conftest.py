"""Keeps the unit tests without servers: `make unit` is for every few minutes, on a machine that has none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SERVERS = frozenset(
    {
        "dovecot",
        "dovecot_user",
        "lmtp_sink",
        "moto",
        "postfix",
        "postgres",
        "postgres_url",
        "private_postgres",
        "private_rabbitmq",
        "rabbitmq",
        "rabbitmq_url",
        "smtp_sink",
    }
)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Refuse a test in this folder that asks for a server."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(HERE):
            servers = sorted(SERVERS.intersection(item.fixturenames))
            if servers:
                sentence = f"{item.nodeid} needs {', '.join(servers)}; its place is in tests/integration"
                raise pytest.UsageError(sentence)
