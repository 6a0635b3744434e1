from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smtp import commands
from shared.smtp.commands import Parameters, mail_from, rcpt_to, xtext
from shared.smtp.envelope import Dsn
from shared.smtp.errors import Unsendable

SENDABLE = [
    "bob@corp.example",
    "postmaster",
    "o'hara+tag=x{1}@sub.corp.example",
    "a..b.@docomo.example",
    '"quoted local part"@corp.example',
    '"a\\"b\\\\c>"@corp.example',
    "bob@[192.0.2.1]",
    "bob@[IPv6:2001:db8::1]",
    "SRS0=abc=de=example.org=alice@forwarder.example",
    "prvs=12345=a/b@my_host.example",
]

UNSENDABLE = [
    "",
    "@corp.example",
    "bob@",
    "bob@corp example",
    "bob smith@corp.example",
    "bob@corp.example>",
    "<bob@corp.example>",
    "bob@corp.example\r\nRCPT TO:<eve@evil.example>",
    "bob\n@corp.example",
    "bob\r@corp.example",
    "bob\0@corp.example",
    "bob@corp.example\n",
    '"bob\n"@corp.example',
    '"bob\\\n"@corp.example',
    '"bob"smith"@corp.example',
    "bob@corp.example@evil.example",
    "@relay.example:bob@corp.example",
    "bob,eve@corp.example",
    "jürgen@corp.example",
    "bob@bücher.example",
    "x" * 500 + "@corp.example",
]


@pytest.mark.parametrize("name", ["mail.corp.example", "[192.0.2.1]", "[IPv6:::1]", "localhost"])
def test_our_name_is_a_domain_or_an_address_literal(name: str) -> None:
    assert commands.ehlo(name).line == f"EHLO {name}\r\n".encode()
    assert commands.helo(name).line == f"HELO {name}\r\n".encode()


@pytest.mark.parametrize("name", ["", "a b", "a\r\nQUIT", "a\0", "[a]b", "bücher.example"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(Unsendable):
        commands.ehlo(name)


def test_an_initial_response_follows_the_mechanism() -> None:
    assert commands.auth("PLAIN", b"\0u\0p").line == b"AUTH PLAIN AHUAcA==\r\n"


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    assert commands.auth("EXTERNAL", b"").line == b"AUTH EXTERNAL =\r\n"


def test_without_an_initial_response_the_server_speaks_first() -> None:
    assert commands.auth("LOGIN", None).line == b"AUTH LOGIN\r\n"


def test_a_command_does_not_show_its_line() -> None:
    assert "AHUAcA" not in repr(commands.auth("PLAIN", b"\0u\0p"))


@pytest.mark.parametrize("address", SENDABLE)
def test_an_address_is_sent_as_it_is(address: str) -> None:
    assert rcpt_to(address).line == f"RCPT TO:<{address}>\r\n".encode()
    assert mail_from(address).line == f"MAIL FROM:<{address}>\r\n".encode()


@pytest.mark.parametrize("address", UNSENDABLE)
def test_an_address_that_cannot_be_sent_as_it_is_is_refused(address: str) -> None:
    with pytest.raises(Unsendable):
        rcpt_to(address)


@pytest.mark.parametrize("address", [address for address in UNSENDABLE if address])
def test_a_reverse_path_that_cannot_be_sent_is_refused(address: str) -> None:
    with pytest.raises(Unsendable):
        mail_from(address)


@given(st.text(max_size=40))
def test_no_address_adds_a_line(address: str) -> None:
    try:
        line = rcpt_to(address).line
    except Unsendable:
        return
    assert line.endswith(b">\r\n")
    assert not {0, 10, 13} & set(line[:-2])


def test_the_null_sender_is_an_empty_path() -> None:
    assert mail_from("").line == b"MAIL FROM:<>\r\n"


def test_mail_declares_size_and_eight_bit_content() -> None:
    line = mail_from("a@b.example", Parameters(size=1234, eight_bit=True)).line
    assert line == b"MAIL FROM:<a@b.example> SIZE=1234 BODY=8BITMIME\r\n"


INTERNATIONAL = Parameters(smtputf8=True)


@pytest.mark.parametrize(
    "address", ["jürgen@corp.example", "bob@bücher.example", '"ü x"@corp.example', "用户@例.中国"]
)
def test_an_international_address_is_sent_as_it_is_with_smtputf8(address: str) -> None:
    assert rcpt_to(address, INTERNATIONAL).line == f"RCPT TO:<{address}>\r\n".encode()
    assert mail_from(address, INTERNATIONAL).line == f"MAIL FROM:<{address}> SMTPUTF8\r\n".encode()


@pytest.mark.parametrize(
    "address",
    [
        "ü\r\nx@corp.example",
        "ü x@corp.example",
        "ü\u2028@corp.example",
        "ü\x85@corp.example",
        "\ud800@x.example",
    ],
)
def test_an_international_address_adds_no_line_and_no_parameter(address: str) -> None:
    with pytest.raises(Unsendable):
        rcpt_to(address, INTERNATIONAL)


def test_an_international_address_is_refused_with_its_own_code_without_smtputf8() -> None:
    with pytest.raises(Unsendable, match="SMTPUTF8") as refused:
        rcpt_to("jürgen@corp.example")
    assert refused.value.as_reply("5.1.3").lines[0].startswith(b"5.6.7 ")


def test_wishes_for_notifications_are_written_with_sender_and_recipient() -> None:
    dsn = Dsn(("failure", "delay"), envelope_id="01J+DM", originals={"bob@corp.example": "b+x@old.example"})
    wishes = Parameters(dsn=dsn)
    assert mail_from("", wishes).line == b"MAIL FROM:<> RET=HDRS ENVID=01J+2BDM\r\n"
    assert rcpt_to("bob@corp.example", wishes).line == (
        b"RCPT TO:<bob@corp.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2Bx@old.example\r\n"
    )


def test_unknown_or_unwritable_dsn_values_are_left_out() -> None:
    wishes = Parameters(
        dsn=Dsn(("never",), full=True, envelope_id="x" * 101, originals={"a@x": "ü@x", "b@x": "y" * 500})
    )
    assert mail_from("", wishes).line == b"MAIL FROM:<> RET=FULL\r\n"
    assert rcpt_to("a@x", wishes).line == b"RCPT TO:<a@x> NOTIFY=NEVER\r\n"
    assert rcpt_to("b@x", wishes).line == b"RCPT TO:<b@x> NOTIFY=NEVER\r\n"


@given(st.binary(max_size=60))
def test_xtext_is_one_word_that_gives_the_value_back(value: bytes) -> None:
    written = xtext(value)
    assert all(33 <= octet <= 126 and octet != 61 for octet in written)
    parts = written.split(b"+")
    assert parts[0] + b"".join(bytes.fromhex(part[:2].decode()) + part[2:] for part in parts[1:]) == value
