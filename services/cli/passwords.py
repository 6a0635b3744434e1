"""Passwords that do not stand in a configuration: from a file, from the environment, or asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from shared.model.text_file import text_of


def password_for(who: str, file: Path | None, variable: str, option: str) -> str:
    """The password of `who`: from `file`, from the environment's `variable`, or typed in on a terminal.

    Raises `click.UsageError` where there is none, or it is empty.
    """
    if file is not None:
        return _checked(_from_file(file, option), f"{option}: {file}")
    if variable in os.environ:
        return _checked(os.environ[variable], variable)
    if not sys.stdin.isatty():
        raise click.UsageError(f"The password of {who} is missing; give {option} or set {variable}.")
    typed: str = click.prompt(f"Password of {who}", hide_input=True, err=True)
    return typed


def _from_file(file: Path, option: str) -> str:
    try:
        return text_of(file.read_bytes()).removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise click.UsageError(f"{option}: {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{option}: {file} is not UTF-8.") from error


def _checked(password: str, where: str) -> str:
    if not password or any(forbidden in password for forbidden in "\0\r\n"):
        raise click.UsageError(f"{where} holds no password of one line.")
    return password
