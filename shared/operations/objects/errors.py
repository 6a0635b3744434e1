"""Why an object of the registry is not changed; besides these, `InvalidObject` and `RevisionConflict`."""

from __future__ import annotations

from shared.model.errors import Fault, MailferryError, quoted
from shared.model.spec import Kind
from shared.operations.wording import counted


class _Refused(MailferryError):
    """Nothing was written."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self, kind: Kind, name: str, sentence: str) -> None:
        super().__init__(f'{kind.value} "{quoted(name)}": {sentence}')
        self.kind, self.id = kind, name


class NotThere(_Refused):
    """There is no such object, or it was removed."""

    def __init__(self, kind: Kind, name: str) -> None:
        super().__init__(kind, name, "it is not in the registry")


class AlreadyThere(_Refused):
    """An object is to be added whose id is taken."""

    def __init__(self, kind: Kind, name: str) -> None:
        super().__init__(kind, name, "it is in the registry already; change it, or take another name")


class ManagedByFile(_Refused):
    """The object comes from a file, which would bring it back as it was. `file` is its path."""

    def __init__(self, kind: Kind, name: str, file: str) -> None:
        super().__init__(
            kind, name, f"it is managed by {file}; change it there, then run `mailferry apply -c {file}`"
        )
        self.file = file


class InUse(_Refused):
    """What is to be removed is still needed by `accounts` accounts and `targets` targets."""

    def __init__(self, kind: Kind, name: str, accounts: int, targets: int = 0) -> None:
        told = [counted(accounts, "account")] if accounts else []
        told += [counted(targets, "target")] if targets else []
        super().__init__(kind, name, f"still needed by {' and '.join(told)}; remove them first, or force it")
        self.accounts, self.targets = accounts, targets


class AccountsExhausted(_Refused):
    """The tenant has as many accounts as it may have (`limit`)."""

    def __init__(self, tenant: str, limit: int) -> None:
        super().__init__(
            Kind.TENANT, tenant, f"it has {limit} accounts already and may not have more (max_accounts)"
        )
        self.limit = limit
