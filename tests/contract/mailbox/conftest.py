"""Every adapter of the port `Mailbox`, on every server there is for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.fakes.background import in_background
from tests.fakes.imap_server import ImapServer
from tests.fakes.pop3_server import Pop3Server
from tests.servers.imap_source import PASSWORD
from tests.servers.source_accounts import (
    CyrusAccount,
    DovecotImapAccount,
    DovecotPop3Account,
    ImapAccount,
    PipedAccount,
    ScriptedImapAccount,
    ScriptedPop3Account,
    SourceAccount,
)

POP3: dict[str, tuple[str, Callable[[Any], SourceAccount]]] = {
    "pop3-dovecot": ("dovecot", DovecotPop3Account),
    "pop3-scripted": ("scripted_pop3", lambda server: ScriptedPop3Account(server, "ann")),
}
IMAP: dict[str, tuple[str, Callable[[Any], ImapAccount]]] = {
    "imap-dovecot": ("dovecot", DovecotImapAccount),
    "imap-cyrus": ("cyrus", CyrusAccount),
    "imap-courier": ("courier", PipedAccount),
    "imap-gnu": ("gnu_imap", PipedAccount),
    "imap-scripted": ("scripted_imap", lambda server: ScriptedImapAccount(server, "ann")),
}


@pytest.fixture
def scripted_pop3() -> Iterator[Pop3Server]:
    """A POP3 server in a thread of its own, as other clients are no coroutines."""
    with in_background(Pop3Server({"ann": []}, password=PASSWORD)) as server:
        yield server


@pytest.fixture
def scripted_imap() -> Iterator[ImapServer]:
    """An IMAP server in a thread of its own."""
    folders: dict[str, dict[str, list[bytes]]] = {"ann": {"INBOX": [], "Archive": []}}
    with in_background(ImapServer(folders, password=PASSWORD)) as server:
        yield server


@pytest.fixture(params=[*POP3, *IMAP])
async def account(request: pytest.FixtureRequest) -> AsyncIterator[SourceAccount]:
    """An account with an empty INBOX."""
    server, made = (POP3 | IMAP)[request.param]
    account = made(request.getfixturevalue(server))
    yield account
    await account.close()


@pytest.fixture(params=IMAP)
async def imap_account(request: pytest.FixtureRequest) -> AsyncIterator[ImapAccount]:
    """An account that is read by IMAP."""
    server, made = IMAP[request.param]
    account = made(request.getfixturevalue(server))
    yield account
    await account.close()
