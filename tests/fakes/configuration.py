"""Configuration files for tests: valid ones, and the problems of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shared.config import Configuration, load
from shared.model.errors import ConfigurationError

TARGET = """
[[targets]]
name = "exchange"
url = "smtp://mail.corp.example"
"""
ACCOUNT = """
[[accounts]]
tenant = "acme"
name = "catchall"
source = "pop3s://user@pop.isp.example"
password = "geheim"
target = "exchange"
mailbox = "catch-all"
domains = { "acme.com" = "keep" }
"""
WHOLE = TARGET + ACCOUNT


def account(*lines: str, without: tuple[str, ...] = ()) -> str:
    """The whole file with more lines in its one account, or without some of its keys."""
    kept = [line for line in ACCOUNT.splitlines() if line.partition(" ")[0] not in without]
    return TARGET + "\n".join([*kept, *lines]) + "\n"


def target(*lines: str, without: tuple[str, ...] = ()) -> str:
    """A file with one target, with more lines or without some of its keys."""
    kept = [line for line in TARGET.splitlines() if line.partition(" ")[0] not in without]
    return "\n".join([*kept, *lines]) + "\n"


def imap_account(*lines: str, without: tuple[str, ...] = ()) -> str:
    """The whole file with an IMAP account."""
    source = ('source = "imap://imap.isp.example"', 'username = "u"')
    return account(*source, *lines, without=("source", *without))


class ConfigurationFile:
    """`mailferry.toml` in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "mailferry.toml"

    def load(self, text: str, environ: Mapping[str, str] | None = None) -> Configuration:
        self.path.touch(mode=0o600)
        self.path.write_text(text, encoding="utf-8")
        return load(self.path, environ or {}, lambda: "ferry.corp.example")

    def problems(self, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        """Return the problems of `text`, with the file's name without its directory."""
        try:
            self.load(text, environ)
        except ConfigurationError as error:
            return [problem.replace(str(self.path), "mailferry.toml") for problem in error.problems]
        return []
