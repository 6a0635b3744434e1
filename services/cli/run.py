"""`mailferry run`, `fetcher`, `router` and `relay`: run services until a signal ends them.

Each command imports what it runs, so that a process loads its own service only.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.options import config_file
from shared.runtime.process import serve_configured

SIGNALS = (
    "TERM: finish what is begun, then end. A second TERM: end at once. HUP: read the configuration again."
)


@click.command(short_help="Run all services in one process.", epilog=SIGNALS)
@config_file
def run(path: Path) -> None:
    """Run all services in one process, on one machine, with SQLite and without a broker."""
    from services.standalone.all_services import run as run_all  # noqa: PLC0415 - see the module's docstring

    serve_configured(path, os.environ, run_all, includes=True)


@click.command(short_help="Run a fetcher alone (RabbitMQ, PostgreSQL).", epilog=SIGNALS)
@config_file
def fetcher(path: Path) -> None:
    """Run a fetcher: visits source mailboxes, fetches what is new, deletes what is settled."""
    from services.fetcher.__main__ import serve  # noqa: PLC0415 - see the module's docstring

    serve_configured(path, os.environ, serve)


@click.command(short_help="Run a router alone (RabbitMQ, PostgreSQL).", epilog=SIGNALS)
@config_file
def router(path: Path) -> None:
    """Run a router: finds the recipients of each mail."""
    from services.router.__main__ import serve  # noqa: PLC0415 - see the module's docstring

    serve_configured(path, os.environ, serve)


@click.command(short_help="Run a relay alone (RabbitMQ, PostgreSQL).", epilog=SIGNALS)
@config_file
def relay(path: Path) -> None:
    """Run a relay: delivers mail to the targets."""
    from services.relay.__main__ import serve  # noqa: PLC0415 - see the module's docstring

    serve_configured(path, os.environ, serve)


@click.command(short_help="Run the control service alone (RabbitMQ, PostgreSQL).", epilog=SIGNALS)
@config_file
def control(path: Path) -> None:
    """Run the control service: the REST API."""
    from services.standalone.control import serve  # noqa: PLC0415 - see the module's docstring

    serve_configured(path, os.environ, serve)
