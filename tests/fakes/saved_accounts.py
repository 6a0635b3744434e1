"""Imported accounts in a configuration file, as an operator saves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.importing.toml import as_toml
from shared.operations.importing import ImportedRow, SaveResult, SaveStatus

INFRASTRUCTURE = """
store.url = "sqlite:mailferry.db"
blobs.url = "file:blobs"
metrics.listen = ""
control.listen = ""
relay.helo_name = "ferry.corp.example"
"""


class ConfigurationFile:
    """Saves accounts as the operator does: in the configuration file, with a file for each password."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def save_accounts(self, rows: Sequence[ImportedRow]) -> Sequence[SaveResult]:
        secrets = self.path.parent / "secrets"
        secrets.mkdir(exist_ok=True)
        for row in rows:
            place = secrets / row.account_id.replace("/", "-")
            place.write_text(row.account["password"].get_secret_value(), "utf-8")
            place.chmod(0o600)
        text = as_toml(rows).replace("/etc/mailferry/secrets", str(secrets))
        self.path.write_text(INFRASTRUCTURE + text, "utf-8")
        self.path.chmod(0o600)
        return [SaveResult(row.account_id, SaveStatus.ADDED) for row in rows]
