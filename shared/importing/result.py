"""What a reader returns, whatever program the file is of: rows, findings, and mails that were delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from shared.model.errors import Fault, MailferryError, quoted


class UnreadableImport(MailferryError):
    """The file is not in the form that it was said to be in. The sentence names the line."""

    temporary = False
    fault = Fault.OPERATOR
    exit_code: ClassVar[int] = 65

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(f"line {line}: {sentence}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Choices:
    """What the operator says for all rows.

    `domain` completes recipients that the file gives without one, and `recipient` is for a mailbox of which
    the file names none. `begin` is for accounts whose mail was kept at the source. `target` replaces what the
    file says about delivery. `has_state`: files of state tell which mails were delivered.
    """

    tenant: str | None = None
    target: str | None = None
    domain: str | None = None
    recipient: str | None = None
    begin: str | None = None
    has_state: bool = False


class Origin(NamedTuple):
    """Where a value comes from: the line, and what the foreign file calls it."""

    line: int
    option: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence about an option of the foreign file. One that `blocks` keeps its row from being saved."""

    line: int
    option: str
    sentence: str
    blocks: bool = False

    def __str__(self) -> str:
        return f"line {self.line}: {quoted(self.option)}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """An account as the foreign file describes it, from `line` on.

    `account` has the keys of [[accounts]] and `target` those of [[targets]], both as in the configuration
    file, but secrets are `SecretStr`. `target` is None where the operator named one. `origins` tells where
    the values of the account's keys come from.
    """

    line: int
    account: Mapping[str, Any]
    target: Mapping[str, Any] | None = None
    findings: tuple[Finding, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def account_id(self) -> str:
        """`tenant/name`."""
        return f"{self.account.get('tenant', 'default')}/{self.account['name']}"

    @property
    def is_usable(self) -> bool:
        """Whether the row can be saved."""
        return not any(each.blocks for each in self.findings)

    @property
    def reasons(self) -> str:
        """Why it cannot be saved."""
        return "; ".join(str(each) for each in self.findings if each.blocks)


@dataclass(frozen=True, slots=True)
class Import:
    """The rows of a file, in its order, and findings that are about the whole file."""

    rows: Sequence[ImportedRow] = ()
    findings: Sequence[Finding] = ()


class KnownMail(NamedTuple):
    """A mail that another program has delivered. `uidvalidity` is None for a protocol that has none."""

    account: str
    folder: str
    uidvalidity: int | None
    uid: str


@dataclass(frozen=True, slots=True)
class KnownMails:
    """The mails of a file of state, and findings about it."""

    mails: Sequence[KnownMail] = ()
    findings: Sequence[Finding] = ()
