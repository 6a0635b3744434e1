"""Passes imported rows through the models of the configuration, so that a problem names the foreign line.

All rows are checked as one configuration. So two accounts of one name are found, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from typing_extensions import override

from shared.config.document import Document
from shared.config.environment import PREFIX
from shared.config.loading import build_configuration
from shared.config.toml_lines import KeyPath
from shared.importing.result import Finding, ImportedRow
from shared.model.errors import ConfigurationError

MARK = "\x1f"
"""Between the parts of a location. No name and no sentence has it: values are quoted, or not repeated."""
STAND_IN = SecretStr("x")
"""In place of a password that is missing, which is found already, so that all else is checked."""
CREDENTIALS = frozenset(
    {"password", "password_file", "password_env", "token", "token_file", "token_env", "oauth_app"}
)
HELO_NAME = "mailferry.invalid"
"""The name of this machine does not matter to an account."""
MISSING = " is missing"
"""In a sentence that says nothing new about a row whose option was refused: the key would come of it."""
MISSING = " is missing"
"""In a sentence that says nothing new about a row whose option was refused: the key would come of it."""
SOMEWHERE = "smtp://target.invalid"


class _Rows(Document):
    """Rows as a configuration. The location of a key is the row's number and where its value comes from."""

    def __init__(self, rows: Sequence[ImportedRow], data: Mapping[str, Any], base: Path) -> None:
        super().__init__(data, "import", base)
        self._rows = rows

    @override
    def location_of(self, path: KeyPath) -> str:
        if path[0] == "accounts" and len(path) > 1 and isinstance(path[1], int):
            row = self._rows[path[1]]
            key = str(path[2]) if len(path) > 2 else ""
            origin = row.origins.get(key)
            line, option = origin if origin is not None else (row.line, key)
            return MARK.join((str(path[1]), str(line), option, ""))
        return super().location_of(path)


def checked(
    rows: Sequence[ImportedRow],
    base: Path,
    targets: Sequence[Mapping[str, Any]] = (),
    environ: Mapping[str, str] | None = None,
) -> list[ImportedRow]:
    """Return the rows with a finding for each value that the models refuse.

    `targets` are tables of targets that exist. Relative paths in the rows start from `base`. A secret in an
    environment variable is looked for in `environ`; the settings there are not for an import.
    """
    variables = {key: value for key, value in (environ or {}).items() if not key.startswith(PREFIX)}
    named = {str(each["name"]): dict(each) for each in targets}
    for row in rows:
        if row.target is not None:
            named.setdefault(str(row.target["name"]), dict(row.target))
        elif "target" in row.account and row.target is None:
            named.setdefault(str(row.account["target"]), {"name": row.account["target"], "url": SOMEWHERE})
    data = {"targets": list(named.values()), "accounts": [_complete(row.account) for row in rows]}
    found: defaultdict[int, list[Finding]] = defaultdict(list)
    try:
        build_configuration(_Rows(rows, data, base), variables, lambda: HELO_NAME)
    except ConfigurationError as error:
        for problem in error.problems:
            index, finding = _finding(problem)
            found[index].append(finding)
    return [_with(row, [*found[-1], *found[index]]) for index, row in enumerate(rows)]


def _complete(account: Mapping[str, Any]) -> dict[str, Any]:
    return dict(account) if CREDENTIALS & account.keys() else {**account, "password": STAND_IN}


def _finding(problem: str) -> tuple[int, Finding]:
    """Return the number of a row and what is wrong with it; -1 for what is wrong with all, as a target."""
    index, _, rest = problem.partition(MARK)
    line, _, rest = rest.partition(MARK)
    option, mark, rest = rest.partition(MARK)
    if not mark:
        return -1, Finding(1, "target", problem.removeprefix("import: "), blocks=True)
    # Behind the location comes the name of the account, which the row has already.
    sentence = rest.removeprefix(": ").partition(": ")[2] or rest
    return int(index), Finding(int(line), option, sentence, blocks=True)


def _with(row: ImportedRow, findings: Sequence[Finding]) -> ImportedRow:
    """Return the row with further findings; those about an option that blocks already are left out."""
    known = {(each.line, each.option) for each in row.findings if each.blocks}
    blocked = {each.option for each in row.findings if each.blocks}
    further = [
        each
        for each in findings
        if (each.line, each.option) not in known
        and each.option not in blocked
        and not (blocked and MISSING in each.sentence)
    ]
    return replace(row, findings=(*row.findings, *further))
