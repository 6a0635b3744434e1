"""The keys and secrets of an object, as a command line gives them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from shared.config.environment import typed_value
from shared.config.object_keys import ARRAY, absolute
from shared.config.secrets import GivenSecret, UnusableSecret, read_secret
from shared.config.settings import ARRAYS
from shared.config.specs import SECRET_KEYS
from shared.config.urls import without_url_password
from shared.model.spec import Kind

keys_argument = click.argument("keys", nargs=-1, metavar="[KEY=VALUE]...")
secret_option = click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="KEY=FILE",
    help='Read a secret, such as "password", from a file, or from standard input with KEY=-. It is stored '
    "encrypted. Repeatable.",
)


def given_keys(kind: Kind, keys: Sequence[str], secrets: Sequence[str]) -> dict[str, Any]:
    """Return the keys that a command line gives. Relative paths start in the working directory.

    Raises `click.UsageError`.
    """
    model = ARRAYS[ARRAY[kind]]
    given: dict[str, Any] = {}
    for each in keys:
        key, equals, text = each.partition("=")
        if not equals:
            raise click.UsageError(f'"{each}": write KEY=VALUE.')
        if key in SECRET_KEYS[kind] or without_url_password(text) is not None:
            secret = key if key in SECRET_KEYS[kind] else "password"
            raise click.UsageError(
                f'"{key}": every user of this machine can see a secret in a command line; give it by '
                f"--secret {secret}=FILE."
            )
        given[key] = typed_value(model, key, text)
    return {**absolute(given, Path.cwd()), **_read_secrets(kind, secrets)}


def _read_secrets(kind: Kind, secrets: Sequence[str]) -> Mapping[str, str]:
    read: dict[str, str] = {}
    for each in secrets:
        key, _, file = each.partition("=")
        if key not in SECRET_KEYS[kind] or not file:
            known = ", ".join(SECRET_KEYS[kind]) or "none"
            raise click.UsageError(f'--secret "{each}": write KEY=FILE; secrets of a {kind.value}: {known}.')
        if file == "-":
            read[key] = sys.stdin.readline().rstrip("\r\n")
            continue
        try:
            secret = read_secret(GivenSecret(key, None, Path.cwd() / file, None), os.environ)
        except UnusableSecret as problem:
            raise click.BadParameter(str(problem), param_hint="--secret") from problem
        read[key] = "" if secret is None else secret.get_secret_value()
    return read
