"""Options that say which parked recipients a command is about."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import click

from shared.model.duration import seconds
from shared.operations.parked_bulk import ParkedQuery, parked_query

NOBODY = "nobody"
"""A mail of which nobody is known to get it is parked for this recipient."""
mail_argument = click.argument("mail", metavar="ID")
OPTIONS = (
    click.option("--account", metavar="TENANT/NAME", help="Only mail of this account."),
    click.option("--tenant", metavar="NAME", help="Only mail of this tenant."),
    click.option("--for-target", metavar="NAME", help="Only mail that is for this target."),
    click.option("--code", metavar="CODE", help="Only where the target's answer begins so: 550, 5.1.1."),
    click.option("--older-than", metavar="AGE", help="Only what has been parked for longer: 12h, 2d."),
)


def choice_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options. It passes what it gets for them to `query_of`."""
    for each in reversed(OPTIONS):
        function = each(function)
    return function


def query_of(choice: Mapping[str, str | None]) -> ParkedQuery:
    """Return the query of these options. Raises `click.BadParameter`."""
    age = choice["older_than"]
    try:
        until = None if age is None else time.time() - seconds(age)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None
    return parked_query(
        account=choice["account"],
        tenant=choice["tenant"],
        target=choice["for_target"],
        code=choice["code"],
        until=until,
    )


def is_given(choice: Mapping[str, str | None]) -> bool:
    """Return whether any of the options is given."""
    return any(value is not None for value in choice.values())
