"""`mailferry run`, `fetcher`, `router` and `relay`: the services, until a signal ends them.

Each command imports what it runs, so that a process starts with its own service and not with all.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.options import config_file
from shared.runtime.process import serve_configured

SIGNALS = (
    "TERM lets it finish what it has begun, a second TERM ends it at once, HUP reads the configuration anew."
)


@click.command(short_help="Run all services in one process.", epilog=SIGNALS)
@config_file
def run(path: Path) -> None:
    """Run all services in one process: for one machine, with SQLite and without a broker."""
    from services.standalone.together import run as run_all  # noqa: PLC0415 - see the module's beginning

    serve_configured(path, os.environ, run_all)


@click.command(short_help="Run a fetcher alone (RabbitMQ, PostgreSQL).", epilog=SIGNALS)
@config_file
def fetcher(path: Path) -> None:
    """Run a fetcher: visits source mailboxes, fetches what is new, deletes what is settled."""
    from services.fetcher.__main__ import serve  # noqa: PLC0415 - see the module's beginning

    serve_configured(path, os.environ, serve)


@click.command(short_help="Run a router alone (RabbitMQ, PostgreSQL).", epilog=SIGNALS)
@config_file
def router(path: Path) -> None:
    """Run a router: finds out who is to get each mail."""
    from services.router.__main__ import serve  # noqa: PLC0415 - see the module's beginning

    serve_configured(path, os.environ, serve)


@click.command(short_help="Run a relay alone (RabbitMQ, PostgreSQL).", epilog=SIGNALS)
@config_file
def relay(path: Path) -> None:
    """Run a relay: delivers to the targets."""
    from services.relay.__main__ import serve  # noqa: PLC0415 - see the module's beginning

    serve_configured(path, os.environ, serve)
