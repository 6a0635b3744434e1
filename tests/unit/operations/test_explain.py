"""Explaining mails: of files, and of what is in a mailbox now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from services.router.explaining import explain_mail
from shared.config import Configuration
from shared.model.account import Account
from shared.model.address import Address
from shared.model.mailbox import Listed, Listing, Place
from shared.model.source_errors import SourceRefused
from shared.operations.explain import Explainer
from shared.operations.login_test import ShowLine
from shared.operations.mailboxes import OperatorMailbox
from shared.pop3.limits import Timeouts
from tests.fakes.configuration import ConfigurationFile, account
from tests.fakes.mailbox import FakeMailbox

MAIL = b"Message-ID: <1@elsewhere.example>\r\nTo: bob@acme.com, eve@acme.com\r\n\r\nText\r\n"
BOB, EVE = "bob@acme.com", "eve@acme.com"


class HeaderMailbox(FakeMailbox):
    """Shows headers; those in `withheld` are refused."""

    async def header(self, entry: Listed) -> bytes:
        if entry.uid in self.withheld:
            raise SourceRefused("the server refused the header")
        return self.mails[entry.uid].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    async def opened(
        self, _account: Account, _timeouts: Timeouts, *, dialogue: ShowLine | None = None
    ) -> OperatorMailbox:
        return cast("OperatorMailbox", self)


def configuration(directory: Path) -> Configuration:
    """One account, of whose recipients a list knows Bob alone."""
    (directory / "people").write_text(f"{BOB}\n")
    keys = ('verify_recipients = "file:people"', 'unknown_recipients = "postmaster@acme.com"')
    return ConfigurationFile(directory).load(account(*keys))


def explainer(directory: Path, *, asks_directory: bool = False) -> Explainer:
    loaded = configuration(directory)
    return Explainer(loaded, loaded.accounts["acme/catchall"], explain_mail, asks_directory=asks_directory)


async def test_without_asking_every_recipient_of_an_accepted_domain_gets_the_mail(tmp_path: Path) -> None:
    [found] = await explainer(tmp_path).explain_mails([MAIL])
    assert [each.address for each in found.recipients] == [BOB, EVE]
    assert list(found.checkable) == [BOB, EVE]
    assert found.identity is not None


async def test_a_recipient_who_is_not_in_the_list_gives_way_to_the_postmaster(tmp_path: Path) -> None:
    [found] = await explainer(tmp_path, asks_directory=True).explain_mails([MAIL])
    assert [each.address for each in found.recipients] == [BOB, "postmaster@acme.com"]
    assert [each.value for each in found.rejected] == [EVE]


async def test_mails_in_a_mailbox_are_explained_by_their_headers_and_stay_there(tmp_path: Path) -> None:
    mailbox = HeaderMailbox({"a": MAIL, "b": MAIL, "c": MAIL})
    mailbox.withheld.add("a")
    found = await explainer(tmp_path).explain_mailbox(2, mailbox.opened)
    assert [(each.uid, each.identity) for each in found.mails] == [("b", None)]
    assert (found.seen, found.total) == (2, 3)
    assert list(found.refusals) == ["the server refused the header"]
    assert (mailbox.retrieved, len(mailbox.mails)) == ([], 3)


class FolderMailbox(HeaderMailbox):
    """Has each of its mails in a folder that is called like the mail."""

    async def listing(self, since: str = "") -> Listing:
        listing = await super().listing(since)
        entries = [each._replace(place=Place(each.uid, 7)) for each in listing.entries]
        return replace(listing, entries=entries)


async def test_each_mail_of_a_mailbox_is_explained_as_one_of_its_folder(tmp_path: Path) -> None:
    found = explainer(tmp_path)
    routing = replace(found.account.routing, folder_recipients={"Sales": Address("sales", "acme.com")})
    found = replace(found, account=replace(found.account, routing=routing))
    mails = (await found.explain_mailbox(2, FolderMailbox({"Sales": MAIL, "INBOX": MAIL}).opened)).mails
    assert [(each.folder, [to.address for to in each.recipients]) for each in mails] == [
        ("Sales", ["sales@acme.com"]),
        ("INBOX", [BOB, EVE]),
    ]
    assert mails[0].recipients[0].reason == "read from the folder Sales"
    [from_file] = await found.explain_mails([MAIL], "Sales")
    assert [each.address for each in from_file.recipients] == ["sales@acme.com"]
    [from_inbox] = await found.explain_mails([MAIL], "Inbox")
    assert from_inbox.folder == "INBOX"
