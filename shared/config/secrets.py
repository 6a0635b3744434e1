"""Secrets and the three ways to give one: `password` itself, `password_file`, or `password_env`.

A password file holds the secret alone; one line end after it is not part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from shared.config.document import home_hint
from shared.model.text_file import text_of

LARGEST_SECRET = 64 * 1024
WAYS = ("", "_file", "_env")


class UnusableSecret(Exception):
    """The secret cannot be read. `key` is the one to correct."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


@dataclass(frozen=True, slots=True)
class GivenSecret:
    """The ways in which the secret called `key` is given. The file's path is absolute."""

    key: str
    value: SecretStr | None
    file: Path | None
    variable: str | None


def read_secret(given: GivenSecret, environ: Mapping[str, str]) -> SecretStr | None:
    """Return the secret; None if none is given. Raises `UnusableSecret`."""
    ways = zip(WAYS, (given.value, given.file, given.variable), strict=True)
    keys = [f'"{given.key}{way}"' for way, at in ways if at is not None]
    if len(keys) > 1:
        raise UnusableSecret(given.key, f"{' and '.join(keys)} give the same secret twice; keep one of them")
    if given.file is not None:
        return _from_file(given.key + "_file", given.file)
    if given.variable is not None:
        return _from_variable(given.key + "_env", given.variable, environ)
    return given.value


def key_file_beside(database: Path) -> Path:
    """Return the file of the key of sealed secrets, beside the SQLite file that links lead to."""
    real = database.resolve()
    return real.with_name(real.name + ".key")


def without_other_ways(table: Mapping[str, Any], key: str, given: Collection[str]) -> dict[str, Any]:
    """Return the table without the ways to give the secret `key`, if `given` has one of them, which replaces
    them all.
    """
    ways = {key + way for way in WAYS}
    if not ways & set(given):
        return dict(table)
    return {name: value for name, value in table.items() if name not in ways}


def _from_file(key: str, path: Path) -> SecretStr:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_SECRET + 1)
        text = text_of(content)
    except OSError as error:
        raise UnusableSecret(
            key, f'"{key}": {path} cannot be read: {error.strerror}{home_hint(path)}'
        ) from error
    except UnicodeDecodeError as error:
        raise UnusableSecret(key, f'"{key}": {path} is not UTF-8 text') from error
    if len(content) > LARGEST_SECRET:
        raise UnusableSecret(key, f'"{key}": {path} has more than {LARGEST_SECRET} bytes')
    return _checked(key, text.removesuffix("\n").removesuffix("\r"), str(path))


def _from_variable(key: str, variable: str, environ: Mapping[str, str]) -> SecretStr:
    if variable not in environ:
        raise UnusableSecret(key, f'"{key}": the environment variable {variable} is not set')
    return _checked(key, environ[variable], f"the environment variable {variable}")


def _checked(key: str, secret: str, source: str) -> SecretStr:
    if not secret:
        raise UnusableSecret(key, f'"{key}": {source} is empty')
    if any(forbidden in secret for forbidden in "\0\r\n"):
        raise UnusableSecret(key, f'"{key}": {source} contains NUL or a line end within the secret')
    return SecretStr(secret)
