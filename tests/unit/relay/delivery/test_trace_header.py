"""The header fields that the relay adds to a mail, and those that it removes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from email import message_from_bytes
from email.policy import SMTP

from hypothesis import given
from hypothesis import strategies as st

from services.relay.delivery.trace_header import (
    LONGEST_LINE,
    below_trace_header,
    trace_header,
    with_trace_header,
    without_delivery_fields,
)
from shared.model.folder_field import folder_field

TOP = b"X-Mailferry-ID: 1\r\n"


async def streamed(chunks: Sequence[bytes]) -> bytes:
    async def mail() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return b"".join([piece async for piece in with_trace_header(TOP, mail(), ())])


def header(recipient: str | None = "bob@here.test", account: str = "acme/catch-all") -> bytes:
    return trace_header(
        message="01abc", account=account, helo_name="mx.here.test", recipient=recipient, now=0.0
    )


def test_the_only_recipient_is_named() -> None:
    assert b"for <bob@here.test>;" in header()


def test_one_of_several_recipients_is_never_named() -> None:
    assert b"for <" not in header(None)


def test_the_lines_are_a_header_field_each() -> None:
    lines = header().split(b"\r\n")
    assert lines[0] == b"X-Mailferry-ID: 01abc"
    assert lines[1].startswith(b"Received: from acme/catch-all by mx.here.test (Mailferry) id 01abc")
    assert all(line.startswith(b"\t") for line in lines[2:-1])
    assert lines[-1] == b""
    assert b"Thu, 01 Jan 1970 00:00:00" in header()


def test_an_account_cannot_break_out_of_the_line() -> None:
    assert b"\n" not in header(account="a\r\nEvil: b").split(b"\r\n\t")[0].removeprefix(
        b"X-Mailferry-ID: 01abc\r\n"
    )


def test_return_path_is_dropped_folded_or_not_in_any_case() -> None:
    mail = b"A: 1\r\nReturn-Path: <x@y>\r\n\tfolded\r\nB: 2\r\nRETURN-PATH: <>\r\n\r\nbody\r\n"
    assert without_delivery_fields(mail, ()) == b"A: 1\r\nB: 2\r\n\r\nbody\r\n"


def test_return_path_in_the_body_stays() -> None:
    for mail in (
        b"A: 1\r\n\r\nReturn-Path: <x>\r\n",
        b"\r\nReturn-Path: <x>\r\n\r\n",
        b"A: 1\n\nReturn-Path: <x>\n",
    ):
        assert without_delivery_fields(mail, ()) == mail


def test_only_the_line_itself_is_dropped_where_bare_returns_end_the_lines() -> None:
    mail = b"A: 1\r\nReturn-Path: <x@y>\r\tfolded\rB: 2\rreturn-path: <>\r\rReturn-Path: <z>\rbody\n\nmore"
    assert without_delivery_fields(mail, ()) == b"A: 1\r\nB: 2\r\rReturn-Path: <z>\rbody\n\nmore"
    assert without_delivery_fields(b"Return-Path: <x>\r\r\nA: 1\r\n\r\nb", ()) == b"\r\nA: 1\r\n\r\nb"


def test_a_mail_that_is_nothing_but_return_path_becomes_empty() -> None:
    assert without_delivery_fields(b"Return-Path: <x>", ()) == b""


def test_delivered_to_is_dropped_where_it_names_a_recipient() -> None:
    own = b"Delivered-To: Bob@Here.test\r\n", b"delivered-TO:\r\n <bob@here.test>\r\n"
    mail = own[0] + b"Delivered-To: eve@here.test\r\n" + own[1] + b"\r\nx\r\n"
    assert without_delivery_fields(mail, ["bob@here.test"]) == b"Delivered-To: eve@here.test\r\n\r\nx\r\n"


def test_delivered_to_of_another_delivery_stays() -> None:
    header = b"Delivered-To: mbox-bob@here.test\r\nX-Delivered-To: bob@here.test\r\n"
    mail = header + b"\r\nDelivered-To: bob@here.test\r\n"
    assert without_delivery_fields(mail, ["bob@here.test"]) == mail


@given(st.binary(max_size=300))
def test_without_such_fields_nothing_changes(mail: bytes) -> None:
    if b"return-path" not in mail.lower() and b"delivered-to" not in mail.lower():
        assert without_delivery_fields(mail, ()) == mail


@given(
    st.lists(
        st.sampled_from([b"Return-Path: <a>\r\n", b"A: 1\r\n", b"\r\n", b"text", b"\n", b"\r", b" x\r\n"]),
        max_size=8,
    )
)
async def test_a_streamed_mail_comes_out_as_a_whole_one(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = TOP + without_delivery_fields(whole, ()) if whole else TOP
    assert await streamed([whole]) == expected
    assert await streamed([whole[n : n + 1] for n in range(len(whole))]) == expected


BELOW = b"Return-Path: <x@y>\r\nFrom: a@x.example\r\nTo: bob@here.test\r\n\r\n\r\nFrom bob: body\r\n"


def test_a_postmark_and_text_above_the_header_become_fields_and_the_rest_stays() -> None:
    above = b"From bob Mon Nov 30\r\n>From eve Tue\r\nno field\r\n"
    assert below_trace_header(above + BELOW, ()) == (
        b"X-Mailbox-Line: From bob Mon Nov 30\r\n"
        b"X-Mailbox-Line: >From eve Tue\r\n"
        b"X-Mailbox-Line: no field\r\n" + BELOW.partition(b"\r\n")[2]
    )


def test_empty_lines_and_a_byte_order_mark_above_the_header_are_dropped() -> None:
    for above in (b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"):
        assert below_trace_header(above + BELOW, ()) == BELOW.partition(b"\r\n")[2]


def test_a_line_above_the_header_is_kept_in_one_line_of_a_legal_length() -> None:
    [line, _] = below_trace_header(b"From a\rTo: b\r" + b"x" * 2000 + b"\n" + BELOW, ()).split(b"\r\n", 1)
    assert line == b"X-Mailbox-Line: " + (b"From a To: b " + b"x" * 2000)[:LONGEST_LINE]


def test_a_mail_without_a_header_stays_as_it_is() -> None:
    for mail in (b"Has anybody seen my header?\r\n", b"\r\nTo: all of you\r\n", b"", b"\xef\xbb\xbfHello"):
        assert below_trace_header(mail, ()) == mail


async def test_lines_above_the_header_may_come_in_any_parts() -> None:
    whole = b"\r\n\xef\xbb\xbfFrom bob Mon\r\n" + BELOW + b"\r\n\r\n" * 10
    for size in (1, 2, 7, len(whole)):
        pieces = [whole[n : n + size] for n in range(0, len(whole), size)]
        assert await streamed(pieces) == TOP + below_trace_header(whole, ())


def test_fields_by_the_name_of_the_folder_header_are_dropped_as_a_sender_may_have_written_them() -> None:
    mail = b"x-SOURCE-folder: Boss\r\n folded\r\nX-Source-Folder-2: a\r\nX-Source-Folder : b\r\nA: 1\r\n\r\n"
    body = b"X-Source-Folder: c\r\n"
    assert without_delivery_fields(mail + body, (), "X-Source-Folder") == (
        b"X-Source-Folder-2: a\r\nA: 1\r\n\r\n" + body
    )
    assert without_delivery_fields(mail + body, ()) == mail + body


async def test_fields_by_that_name_are_dropped_from_a_streamed_mail_and_below_a_postmark() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for octet in b"From bob Mon\r\nX-Folder: Boss\r\nFrom: a\r\n\r\nbody":
            yield bytes([octet])

    sent = b"".join([piece async for piece in with_trace_header(TOP, pieces(), (), "X-Folder")])
    assert sent == TOP + b"X-Mailbox-Line: From bob Mon\r\nFrom: a\r\n\r\nbody"


@given(st.text(max_size=200))
def test_a_field_for_the_folder_on_top_of_the_trace_header_breaks_no_header(folder: str) -> None:
    raw = folder_field("X-Folder", folder) + header() + b"Subject: Hi\r\n\r\nbody\r\n"
    parsed = message_from_bytes(raw, policy=SMTP)
    assert parsed.keys() == ["X-Folder", "X-Mailferry-ID", "Received", "Subject"]
    assert parsed.get_payload() == "body\r\n"
    assert parsed.defects == []
