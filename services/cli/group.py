"""The group of all commands: turns what a command raises into sentences and an exit code."""

from __future__ import annotations

import signal
from typing import Any

import click
from typing_extensions import override

from shared.model.errors import quoted
from shared.process.ending import FAILURE, ending

INTERRUPTED = 128 + signal.SIGINT


class Command(click.Group):
    """A group whose commands never end with a traceback, unless `--debug` asks for one."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are needed, not by name."""
        return list(self.commands)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("mailferry: interrupted; what is not settled is still at its source", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            ctx.exit(_told(error))


def _told(error: Exception) -> int:
    """Say what happened on standard error; the exit code."""
    end = ending(error)
    if end is None:
        what = quoted(f"{type(error).__name__}: {error}")
        click.echo(
            f"mailferry: an internal error, a mistake in Mailferry: {what}; "
            "`mailferry --debug …` shows where it happened",
            err=True,
        )
        return FAILURE
    for sentence in end.sentences:
        click.echo(sentence, err=True)
    return end.code
