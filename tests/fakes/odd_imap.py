"""IMAP servers as they are met in the field: each is the honest one of the tests with one oddity.

An oddity is a function that makes a server peculiar. Where it says "once", the server is honest afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TypeAlias

from tests.fakes.imap_folders import DELETED, ImapMail
from tests.fakes.imap_selected import Items, Selected, joined
from tests.fakes.imap_server import BASIC, HANG_UP, SILENCE, Behaviour, FakeImapSession, ImapServer, Outcome
from tests.fakes.imap_wire import literal

Oddity: TypeAlias = Callable[[ImapServer], None]

BACKOFF = b"$TAG NO [UNAVAILABLE] Request is throttled. Suggested Backoff Time: 60000 milliseconds\r\n"


def once(server: ImapServer, command: str, outcome: Behaviour) -> None:
    """Answer the next such command otherwise, and only that."""

    def behave(session: FakeImapSession) -> Outcome:
        server.behaviours.pop(command, None)
        return outcome(session) if callable(outcome) else outcome

    server.behaviours[command] = behave


def changed(server: ImapServer, command: str, change: Callable[[bytes], bytes]) -> None:
    """Alter the honest answers to such commands, which have their effect."""
    server.behaviours[command] = lambda session: change(session.honest())


def honest(server: ImapServer) -> None:
    """Nothing is odd."""


def the_listing_lacks_mails(server: ImapServer, uids: Collection[int] = (2, 5)) -> None:
    """SELECT counts them, and neither SEARCH nor FETCH of sizes shows them (mailcore2#1445)."""
    server.oddities.hides = uids


def no_mail_is_listed(server: ImapServer) -> None:
    """Neither by SELECT nor otherwise, as while a server restores a mailbox."""
    the_listing_lacks_mails(server, range(1, 1_000_000))
    for verb in ("SELECT", "EXAMINE"):
        changed(server, verb, lambda answer: re.sub(rb"\* \d+ EXISTS", b"* 0 EXISTS", answer))


def another_client_marks_what_does_not_come(server: ImapServer) -> None:
    """And there is no UIDPLUS: an EXPUNGE would take that mail along."""
    there_is_no_uidplus(server)
    a_body_does_not_come(server)
    server.folder("u").mail(3).flags.add(DELETED)


def bodies_come_without_uid(server: ImapServer) -> None:
    """The line has the body and nothing that says whose it is."""
    server.oddities.line = lambda number, items: joined(
        number, [item for item in items if item[0] != "UID" or not _has_body(items)]
    )


def the_uid_stands_behind_the_literal(server: ImapServer) -> None:
    """twisted#10722."""
    server.oddities.line = lambda number, items: joined(number, items[::-1])


def mails_come_in_another_order(server: ImapServer) -> None:
    """Sequence numbers are wrong, too: answers belong to mails by UID."""
    server.oddities.line = lambda number, items: joined(1000 - number, items)


def a_body_is_nil(server: ImapServer, uid: int = 3) -> None:
    """The server has a size for the mail and no octets."""
    _body(server, uid, lambda _: b"NIL")


def a_body_is_empty(server: ImapServer, uid: int = 3) -> None:
    """offlineimap#62."""
    _body(server, uid, lambda _: literal(b""))


def a_literal_is_too_long(server: ImapServer, uid: int = 3) -> None:
    """It announces 20 octets more than the mail has, and so swallows what follows (MailKit#361)."""
    _body(server, uid, lambda raw: literal(raw, len(raw) + 20))


def a_literal_is_too_short(server: ImapServer, uid: int = 3) -> None:
    """It announces 20 octets less than the mail has."""
    _body(server, uid, lambda raw: literal(raw, max(0, len(raw) - 20)))


def a_body_is_a_quoted_string(server: ImapServer, uid: int = 3) -> None:
    """Allowed where there are no line ends."""
    _body(server, uid, lambda raw: b'"' + raw.replace(b"\r\n", b" ").replace(b'"', b"'") + b'"')


def a_body_does_not_come(server: ImapServer, uid: int = 3) -> None:
    """OK without data (iCloud for RFC822: defects#36)."""
    server.oddities.silent_bodies = (uid,)


def no_body_comes(server: ImapServer) -> None:
    """OK without data, for every mail."""
    server.oddities.silent_bodies = range(1, 1_000_000)


def another_client_expunges_in_the_middle(server: ImapServer, uid: int = 2) -> None:
    """EXPUNGE comes between the mails of one FETCH, and all numbers change (mail-api#150)."""

    def before(selected: Selected, _: ImapMail) -> bytes:
        selected.folder.remove({uid})
        return selected.changes()

    server.oddities.before_line = before


def unsolicited_flags_come_between(server: ImapServer) -> None:
    """FETCH of flags that nobody asked for (imapclient#334)."""
    server.oddities.before_line = lambda selected, mail: joined(
        selected.view.index(mail) + 1, [("FLAGS", b"(\\Seen)")]
    )


def the_uidvalidity_changes_at_select(server: ImapServer) -> None:
    """All mails have new UIDs, in the other order, from the next SELECT on."""
    once(server, "SELECT", _rebuilt)


def uidvalidity_changes_at_examine(server: ImapServer) -> None:
    """The same where copies stay."""
    once(server, "EXAMINE", _rebuilt)


def uids_are_permuted(server: ImapServer) -> None:
    """UIDs are given to other mails at the next SELECT, and the UIDVALIDITY stays (proton-bridge#220)."""

    def permuted(session: FakeImapSession) -> None:
        user = session.user
        if user is not None:
            folder = user.folders["INBOX"]
            folder.rebuild(lambda mails: mails[1:] + mails[:1])
            folder.uidvalidity -= 1

    once(server, "SELECT", permuted)


def sizes_are_wrong(server: ImapServer) -> None:
    """Exchange estimates; three times of what comes was seen (vandelay#12)."""
    server.oddities.size = lambda mail: 3 * len(mail.raw) + 7


def there_is_no_uidplus(server: ImapServer) -> None:
    """hMailServer, GNU."""
    server.capabilities = [name for name in server.capabilities if name not in {"UIDPLUS", "MOVE"}]


def it_is_of_1996(server: ImapServer) -> None:
    """No extension at all."""
    server.capabilities = list(BASIC)


def uid_expunge_is_refused(server: ImapServer) -> None:
    """Although UIDPLUS is announced (proton-bridge#123)."""
    server.behaviours["UID EXPUNGE"] = b"$TAG BAD unknown command\r\n"


def nothing_is_expunged(server: ImapServer) -> None:
    """It says OK and keeps everything."""
    server.oddities.keeps = set(range(1, 1_000_000))


def half_is_served_and_nothing_expunged(server: ImapServer) -> None:
    """The odd UIDs do not come; the even ones come and stay."""
    server.oddities.silent_bodies = range(1, 1_000_000, 2)
    nothing_is_expunged(server)


def select_tells_no_uidnext(server: ImapServer) -> None:
    """Courier."""
    for verb in ("SELECT", "EXAMINE"):
        changed(server, verb, lambda answer: _without(answer, b"* OK [UIDNEXT"))


def select_is_read_only(server: ImapServer) -> None:
    """A shared folder without the right to delete."""
    changed(server, "SELECT", lambda answer: answer.replace(b"READ-WRITE", b"READ-ONLY"))


def fetch_says_that_mails_were_expunged(server: ImapServer) -> None:
    """`[EXPUNGEISSUED]` in an OK (Dovecot)."""
    changed(server, "UID FETCH", lambda answer: answer.replace(b" OK done", b" OK [EXPUNGEISSUED] some gone"))


def a_set_is_refused(server: ImapServer) -> None:
    """A FETCH of several bodies is answered NO, and of one OK."""

    def refuse(session: FakeImapSession) -> Outcome:
        uids = session.command.line.split()[2]
        is_set = "BODY.PEEK[]" in session.command.line and not uids.isdigit()
        return b"$TAG NO [SERVERBUG] some messages could not be fetched\r\n" if is_set else None

    server.behaviours["UID FETCH"] = refuse


def it_is_throttled_in_the_middle(server: ImapServer) -> None:
    """Office 365: bodies are refused from some mail on."""
    once(server, "UID FETCH", lambda session: BACKOFF if "BODY" in session.command.line else None)


def it_says_goodbye_in_the_middle(server: ImapServer) -> None:
    """BYE with words, instead of a mail."""

    def bye(session: FakeImapSession) -> Outcome:
        if "BODY" not in session.command.line:
            return None
        session.hang_up()
        return b"* BYE [UNAVAILABLE] Session invalidated - AccessTokenExpired\r\n"

    server.behaviours["UID FETCH"] = bye


def it_hangs_up_in_the_middle_of_a_mail(server: ImapServer) -> None:
    """Once, behind two thirds of an answer with bodies."""

    def cut(session: FakeImapSession) -> Outcome:
        if "BODY" not in session.command.line:
            return None
        del server.behaviours["UID FETCH"]
        answer = session.honest()
        session.hang_up()
        return answer[: 2 * len(answer) // 3]

    server.behaviours["UID FETCH"] = cut


def octets_stand_behind_the_ok_of_starttls(server: ImapServer) -> None:
    """What an attacker injects in clear, to be believed under TLS (CVE-2021-33515)."""
    server.behaviours["STARTTLS"] = (
        b"$TAG OK begin TLS\r\n* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] injected\r\n"
    )


def it_greets_as_logged_in(server: ImapServer) -> None:
    """PREAUTH, which would do without TLS."""
    server.behaviours["GREETING"] = b"* PREAUTH welcome\r\n"


def it_says_nothing(server: ImapServer) -> None:
    """A tarpit."""
    server.behaviours["GREETING"] = SILENCE


def it_turns_us_away(server: ImapServer) -> None:
    """Too many connections."""

    def bye(session: FakeImapSession) -> Outcome:
        session.hang_up()
        return b"* BYE [UNAVAILABLE] Maximum number of connections from user+IP exceeded\r\n"

    server.behaviours["GREETING"] = bye


def select_needs_an_id(server: ImapServer) -> None:
    """163, 126 (defects#25)."""

    def unsafe(session: FakeImapSession) -> Outcome:
        is_known = any(line.upper().startswith("ID (") for line in server.commands)
        return None if is_known else b"$TAG NO SELECT Unsafe Login. Please contact kefu@188.com for help\r\n"

    server.behaviours["SELECT"] = server.behaviours["EXAMINE"] = unsafe


def answers_come_octet_by_octet(server: ImapServer) -> None:
    """Every octet in a segment of its own."""
    server.piece = 1


def answers_come_in_pieces(server: ImapServer) -> None:
    """Cut anywhere."""
    server.piece = 97


def it_hangs_up_at_logout(server: ImapServer) -> None:
    """Without BYE or an answer."""
    server.behaviours["LOGOUT"] = HANG_UP


def _rebuilt(session: FakeImapSession) -> None:
    user = session.user
    if user is not None:
        user.folders["INBOX"].rebuild(lambda mails: mails[::-1])


def _body(server: ImapServer, uid: int, change: Callable[[bytes], bytes]) -> None:
    server.oddities.body = lambda raw, mail: change(raw) if mail.uid == uid else literal(raw)


def _has_body(items: Items) -> bool:
    return any(name.startswith("BODY[]") for name, _ in items)


def _without(answer: bytes, beginning: bytes) -> bytes:
    lines = answer.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(beginning))
