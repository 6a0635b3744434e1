"""Folders of the source in the configuration: who gets their mail, and which field names them."""

from __future__ import annotations

import pytest

from shared.config import shown
from shared.model.account import Routing
from shared.model.address import Address
from tests.fakes.configuration import ConfigurationFile, account, imap_account


def the_routing(file: ConfigurationFile, text: str) -> Routing:
    (account,) = file.load(text).accounts.values()
    return account.routing


FOLDERS = (
    'folder_recipients = { "Sales" = "sales@acme.com", "inbox" = "bob@acme.com" }',
    'folder_header = "X-Source-Folder"',
)


@pytest.mark.parametrize("kind", ["single", "catch-all"])
def test_an_account_of_either_kind_maps_folders_and_names_them(file: ConfigurationFile, kind: str) -> None:
    single = ('mailbox = "single"', 'recipient = "bob@acme.com"')
    without = ("mailbox", "domains") if kind == "single" else ()
    text = imap_account(*FOLDERS, *(single if kind == "single" else ()), without=without)
    routing = the_routing(file, text)
    assert routing.kind == kind
    assert routing.folder_recipients == {
        "Sales": Address("sales", "acme.com"),
        "INBOX": Address("bob", "acme.com"),
    }
    assert routing.folder_header == "X-Source-Folder"
    assert routing.folder_recipient("Inbox") == Address("bob", "acme.com")
    assert routing.folder_recipient("Other") is None


def test_folders_are_for_imap_only_and_in_the_defaults_they_are_for_those_accounts(
    file: ConfigurationFile,
) -> None:
    table, why = 'accounts "acme/catchall"', "only for IMAP, as POP3 has no folders; remove it"
    assert file.problems(account(*FOLDERS)) == [
        f'mailferry.toml:14: {table}: "folder_recipients": {why}',
        f'mailferry.toml:15: {table}: "folder_header": {why}',
    ]
    routing = the_routing(file, "[defaults]\n" + "\n".join(FOLDERS) + account())
    assert (routing.folder_recipients, routing.folder_header) == ({}, None)


def test_the_recipient_of_a_folder_of_a_catch_all_mailbox_is_in_an_accepted_domain(
    file: ConfigurationFile,
) -> None:
    (problem,) = file.problems(imap_account('folder_recipients = { "Sales" = "sales@acme.net" }'))
    assert problem.endswith('"folder_recipients": acme.net is not among the accepted domains')


def test_the_recipient_of_a_single_mailbox_is_needed_beside_those_of_its_folders(
    file: ConfigurationFile,
) -> None:
    text = imap_account('mailbox = "single"', FOLDERS[0], without=("mailbox", "domains"))
    (problem,) = file.problems(text)
    assert problem.endswith('"recipient" is missing: all mail of a single mailbox goes to it')


def test_folders_are_shown_for_accounts_that_have_some(file: ConfigurationFile) -> None:
    keys = ('folder_recipients = { "Sales" = "sales@acme.com" }', 'folder_header = "X-Folder"')
    text = shown(file.load(imap_account(*keys)))
    assert 'folder_recipients = { "Sales" = "sales@acme.com" }  # ' in text
    assert 'folder_header = "X-Folder"  # ' in text
    assert "folder_" not in shown(file.load("[defaults]\n" + "\n".join(keys) + account()))
