"""The commands of `mailferry tenant`, `target` and `account` that work alike."""

from __future__ import annotations

import click

from services.cli.object_commands import (
    add_command,
    disable_command,
    enable_command,
    remove_command,
    set_command,
)
from services.cli.object_listing import list_command, show_command
from shared.model.spec import Kind

TENANT, TARGET, ACCOUNT = Kind.TENANT, Kind.TARGET, Kind.ACCOUNT


@click.group("tenant", short_help="List, add, change and remove tenants.")
def tenant_group() -> None:
    """Work with tenants: customers, with limits for all of their accounts together."""


@click.group("target", short_help="List, add, change and remove targets.")
def target_group() -> None:
    """Work with targets: servers that mail is delivered to."""


for _group, _kind in ((tenant_group, TENANT), (target_group, TARGET)):
    for _make in (
        list_command,
        show_command,
        add_command,
        set_command,
        enable_command,
        disable_command,
        remove_command,
    ):
        _group.add_command(_make(_kind))

account_list = list_command(ACCOUNT)
account_show = show_command(ACCOUNT)
account_set = set_command(ACCOUNT)
account_enable = enable_command(ACCOUNT)
account_disable = disable_command(ACCOUNT)
account_remove = remove_command(ACCOUNT)
