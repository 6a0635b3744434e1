from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.imap import commands, mail_commands
from shared.imap.arguments import Literal, argument, wire_pieces
from shared.imap.commands import Command
from shared.imap.scanner import octets_of, scan
from shared.imap.uid_set import UidSet
from shared.net.errors import Misused, Unsendable

SET = UidSet.of([1, 2, 3, 7])


def wire(command: Command) -> bytes:
    (piece,) = wire_pieces(b"t", command.parts, None)
    return piece[2:-2]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (commands.CAPABILITY, b"CAPABILITY"),
        (commands.identify({"name": "Mailferry", "version": "1"}), b'ID ("name" "Mailferry" "version" "1")'),
        (commands.ENABLE_UTF8, b"ENABLE UTF8=ACCEPT"),
        (commands.ENABLE_UIDONLY, b"ENABLE UIDONLY"),
        (commands.STARTTLS, b"STARTTLS"),
        (commands.COMPRESS, b"COMPRESS DEFLATE"),
        (commands.login("b\\ob", 's "x'), b'LOGIN "b\\\\ob" "s \\"x"'),
        (commands.authenticate("PLAIN"), b"AUTHENTICATE PLAIN"),
        (commands.authenticate("PLAIN", b"\0a\0b"), b"AUTHENTICATE PLAIN AGEAYg=="),
        (commands.authenticate("EXTERNAL", b""), b"AUTHENTICATE EXTERNAL ="),
        (commands.select(b"INBOX"), b'SELECT "INBOX"'),
        (commands.examine(b"a&-b"), b'EXAMINE "a&-b"'),
        (commands.UNSELECT, b"UNSELECT"),
        (commands.status(b"a"), b'STATUS "a" (MESSAGES UIDNEXT UIDVALIDITY)'),
        (commands.list_mailboxes([b"*"], with_status=False, special_use=False), b'LIST "" "*"'),
        (
            commands.list_mailboxes([b"a/%", b"b"], with_status=True, special_use=True),
            b'LIST "" ("a/%" "b") RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY))',
        ),
        (mail_commands.fetch_items(SET), b"UID FETCH 1:3,7 (UID)"),
        (
            mail_commands.fetch_items(UidSet.span(1), {"RFC822.SIZE", "FLAGS", "INTERNALDATE"}),
            b"UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
        ),
        (mail_commands.fetch_mails(SET), b"UID FETCH 1:3,7 (UID BODY.PEEK[])"),
        (mail_commands.fetch_headers(SET), b"UID FETCH 1:3,7 (UID BODY.PEEK[HEADER])"),
        (mail_commands.fetch_range(7, 0, 4096), b"UID FETCH 7 (UID BODY.PEEK[]<0.4096>)"),
        (mail_commands.search_uids(SET, extended=False), b"UID SEARCH UID 1:3,7"),
        (mail_commands.search_uids(SET, extended=True), b"UID SEARCH RETURN (ALL) UID 1:3,7"),
        (mail_commands.search_deleted(extended=False), b"UID SEARCH DELETED"),
        (mail_commands.store_deleted(SET), b"UID STORE 1:3,7 +FLAGS.SILENT (\\Deleted)"),
        (mail_commands.store_seen(SET), b"UID STORE 1:3,7 +FLAGS.SILENT (\\Seen)"),
        (mail_commands.uid_expunge(SET), b"UID EXPUNGE 1:3,7"),
        (mail_commands.copy(SET, b"T"), b'UID COPY 1:3,7 "T"'),
        (mail_commands.move(SET, b"T"), b'UID MOVE 1:3,7 "T"'),
        (commands.EXPUNGE, b"EXPUNGE"),
        (commands.NOOP, b"NOOP"),
        (commands.IDLE, b"IDLE"),
        (commands.LOGOUT, b"LOGOUT"),
    ],
)
def test_commands_on_the_wire(command: Command, expected: bytes) -> None:
    assert wire(command) == expected


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\0b", "\ud800"])
def test_a_value_that_breaks_the_line_is_refused_and_not_repeated(value: str) -> None:
    builders: list[Callable[[], Command]] = [
        lambda: commands.login(value, "x"),
        lambda: commands.login("x", value),
        lambda: commands.identify({"name": value}),
        lambda: commands.authenticate(value),
    ]
    for build in builders:
        with pytest.raises(Unsendable) as caught:
            build()
        assert value not in str(caught.value)


@pytest.mark.parametrize("name", [b"", b"a\r\nb", b"a\0"])
def test_a_name_that_cannot_be_one_is_refused(name: bytes) -> None:
    with pytest.raises(Unsendable):
        commands.select(name)


def test_id_is_never_empty() -> None:
    with pytest.raises(Unsendable):
        commands.identify({})


def test_a_list_of_no_patterns_is_refused() -> None:
    with pytest.raises(Unsendable):
        commands.list_mailboxes([], with_status=False, special_use=False)


@given(st.binary(max_size=50))
def test_an_argument_is_read_as_what_was_given(octets: bytes) -> None:
    if any(octet in octets for octet in b"\r\n\0"):
        with pytest.raises(Unsendable):
            argument(octets, "value")
        return
    part = argument(octets, "value")
    if isinstance(part, Literal):
        assert part.data == octets
        assert not octets.isascii() or not octets.decode().isprintable()
    else:
        assert [octets_of(value) for value in scan([part])] == [octets]


def test_long_values_go_as_literals() -> None:
    assert isinstance(argument(b"a" * 1001, "value"), Literal)


def test_secrets_are_in_no_representation() -> None:
    for command in (
        commands.login("bob", "hunter2"),
        commands.login("bob", "hünter2"),
        commands.authenticate("PLAIN", b"\0bob\0hunter2"),
        commands.response(b"hunter2"),
    ):
        shown = command.shown + repr(command)
        for secret in ("hunter2", "hünter2", "aHVudGVyMg", "AGJvYgBodW50ZXIy"):
            assert secret not in shown


def test_a_long_initial_response_goes_on_a_line_of_its_own() -> None:
    assert commands.fits_initial_response(b"x" * 6000)
    assert not commands.fits_initial_response(b"x" * 6001)
    commands.authenticate("XOAUTH2", b"x" * 6000)
    with pytest.raises(Unsendable):
        commands.authenticate("XOAUTH2", b"x" * 6001)
    assert len(wire(commands.response(b"x" * 9000))) == 12_000


def test_sets_that_fit_into_no_line_are_refused() -> None:
    many = UidSet.of(range(1, 10_000, 2))
    for build in (mail_commands.store_deleted, mail_commands.fetch_items, mail_commands.uid_expunge):
        with pytest.raises(Misused):
            build(many)
        with pytest.raises(Misused):
            build(UidSet())


def test_bodies_are_asked_for_in_sets_that_can_be_remembered() -> None:
    with pytest.raises(Misused):
        mail_commands.fetch_mails(UidSet.span(1))
    with pytest.raises(Misused):
        mail_commands.fetch_range(1, -1, 5)
    with pytest.raises(Misused):
        mail_commands.fetch_items(UidSet.of([1]), {"ENVELOPE"})
