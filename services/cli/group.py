"""Finds the commands, and turns what one raises into sentences and an exit code."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import click
from typing_extensions import override

from shared.model.errors import quoted
from shared.runtime.exit_codes import FAILURE, exit_status
from shared.runtime.garbage_collection import garbage_collector_paused

INTERRUPTED = 128 + signal.SIGINT


class Commands(click.Group):
    """A group whose commands never end with a traceback, unless `--debug` is given.

    `places` names each command's `module:attribute`, in the order in which people need them. A module is
    imported when its command is called: importing all of them takes longer than most commands.
    """

    places: ClassVar[Mapping[str, str]] = {}

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.places)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self.places.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        with garbage_collector_paused():
            command: click.Command = getattr(import_module(module), attribute)
        return command

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("mailferry: interrupted; mail that is not settled is still at its source", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if ctx.find_root().params.get("debug"):
                raise
            ctx.exit(_report(error))


def _report(error: Exception) -> int:
    """Write what happened to standard error; return the exit code."""
    end = exit_status(error)
    if end is None:
        what = quoted(f"{type(error).__name__}: {error}")
        click.echo(
            f"mailferry: internal error, a defect of Mailferry: {what}; "
            "`mailferry --debug …` shows where it happened",
            err=True,
        )
        return FAILURE
    for sentence in end.sentences:
        click.echo(sentence, err=True)
    return end.code
