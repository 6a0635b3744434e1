"""A source that lets in whoever knows its password or has its token, and shows the headers of its mails."""

from __future__ import annotations

from collections.abc import Container
from typing import cast

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.account import Account
from shared.model.mailbox import Listed
from shared.model.source_errors import CredentialsRefused
from shared.operations.login_test import ShowLine
from shared.operations.mailboxes import OperatorMailbox
from shared.pop3.limits import Timeouts
from tests.fakes.mailbox import FakeMailbox

GREETING = "+OK ready"


class FakeSource:
    """Opens its mailbox. `secrets` are right passwords and tokens, `logins` the accounts that tried."""

    def __init__(self, *secrets: str, mails: dict[str, bytes] | None = None) -> None:
        self.secrets: Container[str] = frozenset(secrets)
        self.mails = mails or {}
        self.logins: list[Account] = []

    async def open(
        self, account: Account, _timeouts: Timeouts, *, dialogue: ShowLine | None = None
    ) -> OperatorMailbox:
        self.logins.append(account)
        if dialogue is not None:
            dialogue("S", GREETING)
            dialogue("C", "USER ****")
        given = account.login.token or account.login.password
        if given.get_secret_value() not in self.secrets:
            raise CredentialsRefused("the server refused the login: wrong password")
        return cast("OperatorMailbox", _HeaderMailbox(dict(self.mails)))


class _HeaderMailbox(FakeMailbox, Mailbox):
    async def header(self, entry: Listed) -> bytes:
        return self.mails[entry.uid].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
