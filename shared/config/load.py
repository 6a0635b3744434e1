"""The ways to get a `Configuration`: from a TOML file, or from a mapping made by the command line."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shared.config.build import build
from shared.config.configuration import Configuration
from shared.config.document import Document, read_document


def load(
    path: Path, environ: Mapping[str, str], host_name: Callable[[], str] = socket.getfqdn
) -> Configuration:
    """The configuration in the TOML file at `path`, with the values of `environ` before those of the file.

    Raises `ConfigurationError` with every problem, each a sentence that names file, line and key.
    """
    return build(read_document(path), environ, host_name)


def from_mapping(
    mapping: Mapping[str, Any],
    environ: Mapping[str, str],
    base: Path,
    origin: str = "command line",
    host_name: Callable[[], str] = socket.getfqdn,
) -> Configuration:
    """The configuration in a mapping of the file's form; relative paths start from `base`.

    Raises `ConfigurationError` with every problem; the sentences name `origin` in place of a file.
    """
    return build(Document(mapping, origin, base), environ, host_name)
