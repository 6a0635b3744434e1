"""The entry of the `mailferry` command."""

from __future__ import annotations

import click

from services.cli.config import config_group
from services.cli.db import db_group
from services.cli.demo import demo
from services.cli.explain import explain
from services.cli.ferry import ferry
from services.cli.group import Command
from services.cli.journal import journal_group
from services.cli.once import once
from services.cli.parked import parked_group
from services.cli.run import fetcher, relay, router, run
from services.cli.status import status
from services.cli.test_login import test_login
from services.cli.topology import topology_group
from services.cli.trace import trace


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, help="Show a traceback where a command fails.")
@click.version_option(package_name="mailferry", message="mailferry %(version)s")
def main(debug: bool) -> None:
    """Carry mail from remote mailboxes to the server where people read it, without losing one.

    Try `mailferry demo` first: it needs no server and no configuration.
    """


for command in (
    demo, once, run, ferry, fetcher, router, relay, test_login, explain, trace, status,
    parked_group, config_group, db_group, topology_group, journal_group,
):  # fmt: skip
    main.add_command(command)

if __name__ == "__main__":
    main()
