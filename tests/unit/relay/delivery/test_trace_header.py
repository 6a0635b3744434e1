"""What the relay writes on top of a mail, and what it takes off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.relay.delivery.trace_header import on_top, trace_header, without_delivery_fields

TOP = b"X-Mailferry-ID: 1\r\n"


async def streamed(chunks: Sequence[bytes]) -> bytes:
    async def mail() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return b"".join([piece async for piece in on_top(TOP, mail(), ())])


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
