"""The `mailferry` command."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import ClassVar

import click

from services.cli.group import Commands
from shared.runtime.garbage_collection import garbage_collector_paused


class AllCommands(Commands):
    """The commands of `mailferry`."""

    places: ClassVar[Mapping[str, str]] = {
        "demo": "services.cli.demo:demo",
        "once": "services.cli.once:once",
        "run": "services.cli.run:run",
        "ferry": "services.cli.ferry:ferry",
        "fetcher": "services.cli.run:fetcher",
        "router": "services.cli.run:router",
        "relay": "services.cli.run:relay",
        "control": "services.cli.run:control",
        "user": "services.cli.people:user_group",
        "token": "services.cli.tokens:token_group",
        "test-login": "services.cli.test_login:test_login",
        "autoconfig": "services.cli.autoconfig:autoconfig",
        "oauth": "services.cli.oauth:oauth_group",
        "explain": "services.cli.explain:explain",
        "trace": "services.cli.trace:trace",
        "status": "services.cli.status:status",
        "healthcheck": "services.cli.healthcheck:healthcheck",
        "pause": "services.cli.pausing:pause",
        "resume": "services.cli.pausing:resume",
        "srs": "services.cli.srs:srs_group",
        "parked": "services.cli.parked:parked_group",
        "blobs": "services.cli.upkeep:blobs_group",
        "apply": "services.cli.apply:apply",
        "config": "services.cli.config:config_group",
        "providers": "services.cli.providers:providers_command",
        "secrets": "services.cli.secrets:secrets_group",
        "db": "services.cli.upkeep:db_group",
        "topology": "services.cli.upkeep:topology_group",
        "lost": "services.cli.trace:lost",
        "erase": "services.cli.erase:erase_command",
        "epoch": "services.cli.epoch:epoch_group",
        "journal": "services.cli.journal:journal_group",
        "account": "services.cli.account:account_group",
        "target": "services.cli.objects:target_group",
        "tenant": "services.cli.objects:tenant_group",
    }


def _show_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    with garbage_collector_paused():
        from shared.operations.upkeep import schema_revision  # noqa: PLC0415 - other commands start without it

    click.echo(f"mailferry {version('mailferry')} (schema {schema_revision()})")
    context.exit()


@click.group(
    cls=AllCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--debug", is_flag=True, help="Show a traceback if a command fails.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and the revision of the database's schema that it needs.",
)
def main(debug: bool) -> None:
    """Carry mail from remote mailboxes to the mail server where people read it, without losing any.

    Try `mailferry demo` first: it needs no server and no configuration.
    """


if __name__ == "__main__":
    main()
