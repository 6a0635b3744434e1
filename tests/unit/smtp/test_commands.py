from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smtp import commands
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


@pytest.mark.parametrize("address", SENDABLE)
def test_an_address_is_sent_as_it_is(address: str) -> None:
    assert commands.rcpt_to(address).line == f"RCPT TO:<{address}>\r\n".encode()
    assert commands.mail_from(address).line == f"MAIL FROM:<{address}>\r\n".encode()


@pytest.mark.parametrize("address", UNSENDABLE)
def test_an_address_that_cannot_be_sent_as_it_is_is_refused(address: str) -> None:
    with pytest.raises(Unsendable):
        commands.rcpt_to(address)


@pytest.mark.parametrize("address", [address for address in UNSENDABLE if address])
def test_a_reverse_path_that_cannot_be_sent_is_refused(address: str) -> None:
    with pytest.raises(Unsendable):
        commands.mail_from(address)


@given(st.text(max_size=40))
def test_no_address_adds_a_line(address: str) -> None:
    try:
        line = commands.rcpt_to(address).line
    except Unsendable:
        return
    assert line.endswith(b">\r\n")
    assert not {0, 10, 13} & set(line[:-2])


def test_the_null_sender_is_an_empty_path() -> None:
    assert commands.mail_from("").line == b"MAIL FROM:<>\r\n"


def test_mail_declares_size_and_eight_bit_content() -> None:
    line = commands.mail_from("a@b.example", size=1234, eight_bit=True).line
    assert line == b"MAIL FROM:<a@b.example> SIZE=1234 BODY=8BITMIME\r\n"


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
