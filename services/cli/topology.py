"""`mailferry topology apply` and `check`: the exchange and the queues on RabbitMQ."""

from __future__ import annotations

import os
from pathlib import Path

import click

from services.cli.options import config_file
from services.cli.running import execute
from shared.adapters.rabbitmq.topology import topology_apply, topology_check
from shared.config import Configuration, load
from shared.contract.topology import Topology, topology
from shared.model.errors import ConfigurationError
from shared.runtime.exit_codes import FAILURE


@click.group("topology")
def topology_group() -> None:
    """Look after the queues on RabbitMQ."""


@topology_group.command("apply")
@config_file
def apply(path: Path) -> None:
    """Declare what is missing; what exists is left as it is."""
    url, plan = _broker(load(path, os.environ))
    execute(lambda: topology_apply(url, plan))
    click.echo(f"Exchange {plan.exchange} and {len(plan.queues)} queues are in place.")


@topology_group.command("check")
@config_file
def check(path: Path) -> None:
    """Tell what is missing or different on the broker, changing nothing; exit code 1 if anything is, 75 if
    the broker cannot be asked.
    """
    url, plan = _broker(load(path, os.environ))
    problems = execute(lambda: topology_check(url, plan))
    for problem in problems:
        click.echo(problem)
    if problems:
        raise click.exceptions.Exit(FAILURE)
    click.echo(f"Exchange {plan.exchange} and {len(plan.queues)} queues are as they have to be.")


def _broker(configuration: Configuration) -> tuple[str, Topology]:
    """The broker's URL and the topology wanted there. Raises `ConfigurationError`."""
    if configuration.broker.in_process:
        origin = configuration.document.origin
        raise ConfigurationError(
            [f'{origin}: [broker] "url": memory: has no topology; this is for amqp:// and amqps://']
        )
    return configuration.broker.url.get_secret_value(), topology(configuration.relay.retry_delays)
