"""The configuration of the demo, as an operator would write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.standalone.demo.people import ANNA, CATCH_ALL, POSTMASTER, SUPPORT
from shared.config import Configuration, from_mapping
from shared.model.file_url import url_of_path

TENANT = "demo"
ACCOUNTS = {CATCH_ALL: "catch-all", ANNA: "anna", SUPPORT: "support"}


def account_id(mailbox: str) -> str:
    """Return the account that fetches a mailbox."""
    return f"{TENANT}/{ACCOUNTS[mailbox]}"


def settings(
    directory: Path, *, source_port: int, target_port: int, password: str, console: str = ""
) -> Configuration:
    """Return the configuration: all files in `directory`, one process, retries after a second.

    `console` is where API and console listen, "" for nowhere.
    """
    kinds: dict[str, dict[str, Any]] = {
        CATCH_ALL: {
            "mailbox": "catch-all",
            "domains": {"firma.example": "keep", "alte-firma.example": "firma.example"},
            "unknown_recipients": POSTMASTER,
        },
        ANNA: {"mailbox": "single", "recipient": "anna@firma.example", "retention": "keep"},
        SUPPORT: {
            "mailbox": "catch-all",
            "domains": {"support.example": "keep"},
            "unknown_recipients": "refuse",
        },
    }
    accounts = [{"name": ACCOUNTS[mailbox], "username": mailbox, **keys} for mailbox, keys in kinds.items()]
    mapping = {
        "broker": {"url": "memory:"},
        "store": {"url": url_of_path("sqlite:///", str(directory / "mailferry.db"))},
        "blobs": {"url": (directory / "blobs").as_uri()},
        "metrics": {"listen": ""},
        "control": {"listen": console},
        "relay": {"retry_delays": ["1s"], "helo_name": "mailferry.demo.example"},
        "targets": [{"name": "company", "url": f"smtp://127.0.0.1:{target_port}", "tls": "off"}],
        "defaults": {
            "tenant": TENANT,
            "source": f"pop3://127.0.0.1:{source_port}",
            "password": password,
            "tls": "off",
            "target": "company",
            "poll": "5s",
        },
        "accounts": accounts,
    }
    return from_mapping(mapping, {}, directory, origin="the demo")
