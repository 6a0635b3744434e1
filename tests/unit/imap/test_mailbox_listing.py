from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.imap.conversation import Conversation
from shared.imap.folders import Folders
from shared.imap.limits import Options
from shared.imap.mailbox_listing import MOST_ROUNDS, MailboxLister
from shared.imap.refused_features import RefusedFeatures
from shared.model.message import LedgerKey
from shared.model.source_errors import SourceBusy, SourceRefused
from tests.unit.imap.sessions import SERVER, AnsweringStream

LIST = b'* LIST () "/" INBOX\r\n* LIST () "/" Lists\r\n'
MAIL = b"* 1 FETCH (UID 5 RFC822.SIZE 3)\r\n"
OPEN = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n* OK [UIDNEXT 6] ok\r\n"


async def lister(refused: str, refusal: bytes, *, no_uids: str = "") -> MailboxLister:
    """A mailbox of two folders with a mail each, where the server refuses one command.

    The folder that `no_uids` names has no lasting UIDs.
    """

    selected = ""

    def answer(tag: bytes, command: str) -> bytes:
        nonlocal selected
        if command.startswith("SELECT"):
            selected = command
        if refused in (command, f"{selected}: {command}"):
            return b"%s %s\r\n" % (tag, refusal)
        opened = OPEN.replace(b"UIDVALIDITY 9", b"UIDVALIDITY 0") if no_uids and no_uids in command else OPEN
        data = LIST if command.startswith("LIST") else opened if command.startswith("SELECT") else MAIL
        return data + b"%s OK\r\n" % tag

    conversation = Conversation(AnsweringStream(answer), SERVER, (options := Options(folders=("*",))).limits)
    await conversation.read_greeting()
    return MailboxLister(conversation, Folders(conversation), options)


REFUSED = ['SELECT "Lists"', 'SELECT "Lists": UID FETCH 1:* (UID RFC822.SIZE)']


@pytest.mark.parametrize("command", REFUSED)
@pytest.mark.parametrize("refusal", [b"NO [SERVERBUG] Internal error", b"NO [CORRUPTION] index", b"NO what"])
async def test_a_folder_that_the_server_cannot_show_does_not_stop_the_others(
    command: str, refusal: bytes
) -> None:
    mailbox = await lister(command, refusal)
    listing = (await mailbox.list_mailbox("")).listing
    assert [entry.place.folder for entry in listing.entries] == ["INBOX"]
    assert listing.covered == (), "the mails of the other folder may have moved"
    (problem,) = listing.problems
    assert "Lists" in problem
    assert await mailbox.fingerprint() == ""


@pytest.mark.parametrize("command", [each.replace("Lists", "INBOX") for each in REFUSED])
async def test_an_inbox_that_the_server_cannot_show_ends_the_visit(command: str) -> None:
    mailbox = await lister(command, b"NO [SERVERBUG] Internal error")
    with pytest.raises(SourceRefused):
        await mailbox.list_mailbox("")


@pytest.mark.parametrize("command", REFUSED)
async def test_a_server_that_is_busy_ends_the_visit(command: str) -> None:
    mailbox = await lister(command, b"NO Request is throttled. Suggested Backoff Time: 5000 milliseconds")
    with pytest.raises(SourceBusy):
        await mailbox.list_mailbox("")


async def test_a_folder_without_lasting_uids_does_not_stop_the_others() -> None:
    mailbox = await lister("", b"", no_uids="Lists")
    listing = (await mailbox.list_mailbox("")).listing
    assert [entry.place.folder for entry in listing.entries] == ["INBOX"]
    assert listing.covered == ()
    (problem,) = listing.problems
    assert "Lists no lasting UIDs" in problem


async def test_an_inbox_without_lasting_uids_among_other_folders_ends_the_visit() -> None:
    mailbox = await lister("", b"", no_uids="INBOX")
    with pytest.raises(SourceRefused, match="an account of its own"):
        await mailbox.list_mailbox("")


async def test_folders_are_listed_without_what_the_server_announces_and_refuses() -> None:
    """And the next mailbox of the host does not ask for it."""
    refused, said = RefusedFeatures(), []

    def answer(tag: bytes, command: str) -> bytes:
        said.append(command)
        if "RETURN" in command:
            return b"%s BAD syntax\r\n" % tag
        if command.startswith("STATUS"):
            name = command.split()[1].encode()
            return b"* STATUS %s (MESSAGES 1 UIDNEXT 6 UIDVALIDITY 9)\r\n%s OK\r\n" % (name, tag)
        return LIST + b"%s OK\r\n" % tag

    for _ in range(2):
        options = Options(folders=("*",))
        stream = AnsweringStream(answer, capabilities=b"LIST-STATUS SPECIAL-USE")
        conversation = Conversation(stream, SERVER, options.limits, refused=refused)
        await conversation.read_greeting()
        lister = MailboxLister(conversation, Folders(conversation), options)
        assert await lister.fingerprint() == '{"INBOX":[9,6,1],"Lists":[9,6,1]}'
    assert ["RETURN" in each for each in said if each.startswith("LIST")] == [True, True, False, False]


@pytest.mark.parametrize(("rests", "covered"), [(True, ["INBOX", "Lists"]), (False, [])])
async def test_in_a_mailbox_that_never_rests_absence_proves_nothing(rests: bool, covered: list[str]) -> None:
    said: list[str] = []

    def answer(tag: bytes, command: str) -> bytes:
        said.append(command)
        if command.startswith("STATUS"):
            uidnext = 6 if rests else 6 + len(said)
            name = command.split()[1].encode()
            return b"* STATUS %s (MESSAGES 1 UIDNEXT %d UIDVALIDITY 9)\r\n%s OK\r\n" % (name, uidnext, tag)
        data = LIST if command.startswith("LIST") else OPEN if command.startswith("SELECT") else MAIL
        return data + b"%s OK\r\n" % tag

    options = Options(folders=("*",))
    conversation = Conversation(AnsweringStream(answer), SERVER, options.limits)
    await conversation.read_greeting()
    lister = MailboxLister(conversation, Folders(conversation), options)
    listing = (await lister.list_mailbox("")).listing
    assert [each.place.folder for each in listing.covered] == covered
    assert [entry.place.folder for entry in listing.entries] == ["INBOX", "Lists"]
    assert sum(each.startswith("SELECT") for each in said) == (2 if rests else 2 + MOST_ROUNDS - 1)


FOLDERS = {"INBOX": (9, 6, 1), "Lists": (4, 6, 1)}


class TwoFolders:
    """A server with two folders, given by UIDVALIDITY, UIDNEXT and number of mails; tests change them.

    `meanwhile` is called before the state of a folder is told, with the number of times so far. The server
    may refuse to tell it (not `tells`).
    """

    def __init__(self) -> None:
        self.states = dict(FOLDERS)
        self.listed: set[str] = {*FOLDERS}
        self.commands: list[str] = []
        self.tells = True
        self.meanwhile: Callable[[int], None] = lambda _: None
        self._selected = ""
        self._asked = 0

    async def lister(self, *folders: str) -> MailboxLister:
        options = Options(folders=folders or ("*",))
        conversation = Conversation(AnsweringStream(self._answer), SERVER, options.limits)
        await conversation.read_greeting()
        return MailboxLister(conversation, Folders(conversation), options)

    def _answer(self, tag: bytes, command: str) -> bytes:
        self.commands.append(command)
        verb, *rest = command.split()
        if verb == "STATUS" and not self.tells:
            return b"%s NO not now\r\n" % tag
        if verb == "STATUS":
            self._asked += 1
            self.meanwhile(self._asked)
        return self._data(verb, rest[0].strip('"') if rest else "") + b"%s OK\r\n" % tag

    def _data(self, verb: str, name: str) -> bytes:
        if verb == "LIST":
            return b"".join(b'* LIST () "/" %s\r\n' % each.encode() for each in sorted(self.listed))
        uidvalidity, uidnext, messages = self.states[self._selected if verb == "UID" else name]
        if verb == "UID":
            uids = range(uidnext - messages, uidnext)
            return b"".join(b"* 1 FETCH (UID %d RFC822.SIZE 3)\r\n" % uid for uid in uids)
        if verb == "STATUS":
            said = f"MESSAGES {messages} UIDNEXT {uidnext} UIDVALIDITY {uidvalidity}"
            return f"* STATUS {name} ({said})\r\n".encode()
        self._selected = name
        codes = f"* OK [UIDVALIDITY {uidvalidity}] ok\r\n* OK [UIDNEXT {uidnext}] ok\r\n"
        return f"* {messages} EXISTS\r\n{codes}".encode()


async def test_the_folders_that_were_listed_first_are_asked_about_at_the_end() -> None:
    server = TwoFolders()
    listing = (await (await server.lister()).list_mailbox("")).listing
    assert (len(listing.covered), listing.folders) == (2, frozenset({"INBOX", "Lists"}))
    assert [each.partition("(")[0] for each in server.commands[-2:]] == ["UID FETCH 1:* ", 'STATUS "INBOX" ']


async def test_a_mail_that_came_into_a_listed_folder_may_be_one_of_a_later_folder() -> None:
    server = TwoFolders()
    server.meanwhile = lambda times: server.states.update(
        INBOX=(9, 6 + times, 1 + times), Lists=(4, 6 + times, 1 + times)
    )
    listing = (await (await server.lister()).list_mailbox("")).listing
    assert (listing.covered, listing.folders, listing.only_changes) == ((), None, False)


async def test_a_mail_that_went_meanwhile_came_from_nowhere() -> None:
    server = TwoFolders()
    server.states["INBOX"] = (9, 16, 10)
    server.meanwhile = lambda times: server.states.update(INBOX=(9, 16, 10 - times))
    listing = (await (await server.lister()).list_mailbox("")).listing
    assert (len(listing.covered), listing.folders) == (2, frozenset({"INBOX", "Lists"}))


async def test_a_folder_whose_state_is_not_told_any_more_proves_no_absence() -> None:
    server = TwoFolders()
    server.tells = False
    listing = (await (await server.lister()).list_mailbox("")).listing
    assert (listing.covered, listing.folders) == ((), None)
    assert [each.place.folder for each in listing.entries] == ["INBOX", "Lists"]


async def test_of_one_folder_nothing_is_asked() -> None:
    server = TwoFolders()
    mailbox = await server.lister("INBOX")
    listing = (await mailbox.list_mailbox("")).listing
    assert [each.partition(" ")[0] for each in server.commands] == ["SELECT", "UID"]
    assert (len(listing.covered), listing.folders) == (1, None)


async def test_folders_that_were_found_unchanged_are_asked_about_too() -> None:
    server = TwoFolders()
    mailbox = await server.lister()
    await mailbox.list_mailbox("")
    before = await mailbox.fingerprint()
    server.states["Lists"] = (4, 7, 2)
    listing = (await (await server.lister()).list_mailbox(before)).listing
    assert listing.only_changes
    assert [each.place.folder for each in listing.entries] == ["Lists"]
    server.commands.clear()

    def come(_: int) -> None:
        if 'SELECT "Lists"' in server.commands:
            server.states["INBOX"] = (9, 7, 2)

    server.meanwhile = come
    listing = (await (await server.lister()).list_mailbox(before)).listing
    assert [each.key for each in listing.entries] == [
        LedgerKey("INBOX", 9, "0000000006"),
        LedgerKey("Lists", 4, "0000000006"),
    ]
    assert len(listing.covered) == 2


async def test_when_a_folder_is_gone_the_others_are_listed_whole() -> None:
    server = TwoFolders()
    mailbox = await server.lister()
    await mailbox.list_mailbox("")
    before = await mailbox.fingerprint()
    server.listed = {"INBOX"}
    listing = (await (await server.lister()).list_mailbox(before)).listing
    assert (listing.only_changes, listing.folders) == (False, frozenset({"INBOX"}))


async def test_while_a_folder_that_is_named_is_missing_no_other_counts_as_gone() -> None:
    server = TwoFolders()
    listing = (await (await server.lister("INBOX", "Missing")).list_mailbox("")).listing
    assert listing.folders is None


async def test_a_list_without_inbox_is_not_whole() -> None:
    server = TwoFolders()
    server.listed = {"Lists"}
    listing = (await (await server.lister()).list_mailbox("")).listing
    assert listing.folders is None
