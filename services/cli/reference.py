"""The reference page of the command: every command with its arguments and options, as `--help` has them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

OPENING = """# Command reference

<!-- Made by `make reference` from the definitions in services/cli. Do not edit. -->

For whoever runs Mailferry: every command, with what `--help` says of it. Most take `-c FILE`, the
configuration file, and read `MAILFERRY_CONFIG` without it. Every command that prints data takes `-o json`,
which is for programs: standard output is then JSON alone, all keys are there whatever the width of the
terminal, and moments are ISO 8601 in UTC. Progress and warnings go to standard error. Exit codes: 0 done, 1
failed, 2 used wrongly, 75 try again later, 78 the configuration is wrong. `make man` writes the same as man
pages, and `eval "$(_MAILFERRY_COMPLETE=bash_source mailferry)"` completes commands and options in bash
(`zsh_source` and `fish_source` in others).
"""
NAME = "mailferry"


def command_reference(root: click.Command) -> str:
    """Return the page, in Markdown."""
    context = click.Context(root, info_name=NAME)
    return OPENING + "".join(_sections(root, context)).rstrip() + "\n"


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the text of a command, then of the commands below it."""
    yield _section(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _sections(below, click.Context(below, info_name=name, parent=context))


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [
        f"\n## {context.command_path}\n",
        f"```text\n{context.command_path} {usage}\n```\n",
        f"{_text(command)}\n",
        _options(command, context),
    ]
    return "\n".join(part for part in parts if part)


def _text(command: click.Command) -> str:
    """The text of `--help`, as paragraphs."""
    text = inspect.cleandoc(command.help or command.short_help or "").partition("\f")[0]
    paragraphs = [each for each in re.split(r"\n\s*\n", f"{text}\n\n{command.epilog or ''}") if each]
    return "\n\n".join(_escaped(each.replace("\b\n", "")) for each in paragraphs)


def _options(command: click.Command, context: click.Context) -> str:
    records = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
    records = [each for each in records if each[1] and "--help" not in each[0]]
    if not records:
        return ""
    rows = [f"| `{_cell(names)}` | {_cell(_escaped(meaning))} |" for names, meaning in records]
    return "\n".join(["| Option | Meaning |", "|---|---|", *rows]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"(?<!\\)([<*_\[])(?=[^`]*(?:`[^`]*`[^`]*)*$)", r"\\\1", text)
