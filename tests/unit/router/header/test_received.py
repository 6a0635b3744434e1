from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.header.fields import read_header
from services.router.header.received import (
    LINE_LIMIT,
    TOKEN_LIMIT,
    UNREADABLE,
    Client,
    Hop,
    read_client,
    read_hop,
    split_words,
)
from shared.model.address import Address
from tests.fakes.mails import mail

BOB = Address("bob", "firma.de")
MX = Hop("mx.isp.example", None)
MX_FOR_BOB = Hop("mx.isp.example", BOB)
MX_FOR_QUOTED = Hop("mx.isp.example", Address('"b by for <x>"', "firma.de"))
CLAIMED = Client("a.example", "192.0.2.1", is_claimed=True)
PIECES = st.sampled_from(
    [b"from ", b"by ", b"for ", b"mx.isp.example ", b"<bob@firma.de>", b";", b"(", b")", b'"', b"[", b","]
)
SPECIAL_PIECES = st.sampled_from(
    [
        b"from ",
        b"by ",
        b"for ",
        b"mx.isp.example ",
        b"<bob@firma.de>",
        b";",
        b"(",
        b")",
        b'"',
        b"\\",
        b"[",
        b" ",
    ]
)


@pytest.mark.parametrize(
    ("value", "hop"),
    [
        ("from a (b [192.0.2.1]) by MX.isp.example (Postfix) with ESMTP for <bob@firma.de>; Mon", MX_FOR_BOB),
        ("from a by mx.isp.example for bob@firma.de; Mon, 13 Jan 2025", MX_FOR_BOB),
        ("from a by mx.isp.example \r\n\tfor <bob@firma.de>\r\n\t(envelope-from <x@y.de>); Mon", MX_FOR_BOB),
        ("by mx.isp.example with SMTP id 1; Mon", MX),
        ("from a by mx.isp.example for <bob@firma.de>,<carol@firma.de>; Mon", MX),
        ("from a by mx.isp.example for multiple recipients; Mon", MX),
        ("from a by mx.isp.example for <bob>; Mon", MX),
        ("from a by mx.isp.example (for <eve@firma.de>); Mon", MX),
        ("from a by mx.isp.example; for <eve@firma.de>", MX),
        ("from by (x) by mx.isp.example for <bob@firma.de>; Mon", MX_FOR_BOB),
        ("from for <eve@firma.de> by mx.isp.example; Mon", MX),
        ("from a by for with SMTP; Mon", Hop("for", None)),
        ("from a by [192.0.2.1] for <bob@firma.de>; Mon", Hop("[192.0.2.1]", BOB)),
        ("from a (b (c (d))) by mx.isp.example (e (f)) for <bob@firma.de> (g); Mon", MX_FOR_BOB),
        (r"from a by mx.isp.example (user: DOM\anna) for <bob@firma.de>; Mon", MX_FOR_BOB),
        ('from a by mx.isp.example for <"b by for <x>"@firma.de>; Mon', MX_FOR_QUOTED),
        ('from "MYPC" (b [192.0.2.1]) by mx.isp.example for <bob@firma.de>; Mon', MX_FOR_BOB),
        ('from "by" by mx.isp.example for <bob@firma.de>; Mon', MX_FOR_BOB),
        ("(qmail 1 invoked by uid 0); Mon", Hop("", None)),
        ("from a by mx.isp.example for bob\v@firma.de; Mon", MX),
        ("from a by mx.isp.example for bob\u2003@firma.de; Mon", MX),
        ("from a by mx.isp.example for" + " ," * 19 + " bob@firma.de; Mon", MX_FOR_BOB),
        ("from a by mx.isp.example for" + " ," * 20 + " bob@firma.de; Mon", MX),
        ("", Hop("", None)),
    ],
)  # fmt: skip
def test_a_received_line_names_its_host_and_its_only_recipient(value: str, hop: Hop) -> None:
    assert read_hop(read_header(mail(f"Received: {value}")).first_value("received")) == hop


@pytest.mark.parametrize(
    "value",
    [
        "from a ( by evil.example for <eve@firma.de>; Mon",
        'from "a by evil.example for <eve@firma.de> by mx.isp.example; Mon',
        'from "a (b [192.0.2.1]) by mx.isp.example (from <" by evil.example for <eve@firma.de> (x@y.de>)',
        "from [a by mx.isp.example for <bob@firma.de> (\\x) ]; Mon",
        'from a by mx.isp.example with "two words" for <bob@firma.de>; Mon',
        "from a by; Mon",
        "from a with SMTP; Mon",
        "from a by mx.isp.example (" + "x" * LINE_LIMIT + "); Mon",
    ],
)
def test_a_line_that_does_not_plainly_tell_its_host_is_unreadable(value: str) -> None:
    assert read_hop(value.encode()) == UNREADABLE
    assert not UNREADABLE.is_readable


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("from a.example (b.example [192.0.2.1]) by mx.isp.example", Client("b.example", "192.0.2.1")),
        ("from A.example ([192.0.2.1] helo=c.example) by mx.isp.example", Client("a.example", "192.0.2.1")),
        ("from [192.0.2.1] (helo=mx.isp.example) by mx.isp.example", Client("", "192.0.2.1")),
        ("from [10.0.0.1] (b.example [192.0.2.1]) by mx.isp.example", Client("b.example", "192.0.2.1")),
        ("from mx.isp.example (unknown [192.0.2.1]) by x", Client("", "192.0.2.1")),
        ("from b (a.example [192.0.2.1] (may be forged)) by x", CLAIMED),
        ("from unknown (HELO mx.isp.example) (192.0.2.1) by mx.isp.example", Client("", "192.0.2.1")),
        ("from b.example (HELO [10.0.0.1]) (joe@192.0.2.1) by x", Client("b.example", "192.0.2.1")),
        (r"from b.example (HELO a) (DOM\joe@192.0.2.1) by x", Client("b.example", "192.0.2.1")),
        (r"from a (b.example [192.0.2.1] \(x) by x", Client("b.example", "192.0.2.1")),
        ("from b.example (HELO c) (192.0.2.1) by x", Client("b.example", "192.0.2.1")),
        ("from a (joe@b.example [192.0.2.1]) by x", Client("b.example", "192.0.2.1")),
        ("from A.example ([192.0.2.1]:25 helo=c.example) by x", Client("a.example", "192.0.2.1")),
        ("from [192.0.2.1]:4455 (helo=mx.isp.example) by mx.isp.example", Client("", "192.0.2.1")),
        ("from [IPv6:2001:db8::1] by mx.isp.example", Client("", "2001:db8::1")),
        ("from 192.0.2.1 (EHLO mx.isp.example) by 10.0.0.1", Client("", "192.0.2.1")),
        ("from [a.example] by mx.isp.example", CLAIMED._replace(ip="")),
        ("from a.example (2001:db8::1) by mx.isp.example", CLAIMED._replace(ip="2001:db8::1")),
        ("from a.example ([192.0.2.1]) by mx.isp.example", CLAIMED),
        ("from a.example (192.0.2.1) by mx.isp.example", CLAIMED),
        ("from a.example (helo=a.example@[192.0.2.1]) by mx.isp.example", CLAIMED),
        ("from localhost (localhost [IPv6:::1]) by mx.isp.example", Client("localhost", "::1")),
        ("from a.example by mx.isp.example", CLAIMED._replace(ip="")),
        ("from a.example (using TLS) by mx.isp.example", CLAIMED._replace(ip="")),
        ("by mx.isp.example", Client()),
        ("", Client()),
    ],
)  # fmt: skip
def test_a_received_line_has_its_client_as_the_server_saw_it(value: str, client: Client) -> None:
    assert read_client(value.encode()) == client


@pytest.mark.parametrize(
    ("ip", "outside"),
    [
        ("192.0.2.1", True),
        ("2001:db8::1", True),
        ("10.1.2.3", False),
        ("::1", False),
        ("", None),
        ("1.2", None),
    ],
)
def test_a_networks_own_addresses_are_not_outside(ip: str, outside: bool | None) -> None:
    assert Client("x", ip).is_public is outside


@given(st.lists(PIECES | st.binary(max_size=3), max_size=15).map(b"".join))
def test_any_received_line_gives_a_hop(value: bytes) -> None:
    hop = read_hop(value)
    assert hop.recipient is None or str(hop.recipient).encode() in value.lower()


@given(st.lists(PIECES | st.binary(max_size=3), max_size=15).map(b"".join))
def test_any_received_line_gives_a_client(value: bytes) -> None:
    assert read_client(value).is_public in (True, False, None)


def test_zimbras_line_tells_the_client_behind_lhlo() -> None:
    line = b"from zmail.isp.example (LHLO zmail.isp.example) (10.1.1.5) by zmail.isp.example with LMTP; Mon"
    client = read_client(line)
    assert (client.name, client.ip, client.is_claimed) == ("zmail.isp.example", "10.1.1.5", False)
    assert read_hop(line).is_by_lmtp


@pytest.mark.parametrize(
    ("ip", "is_public"),
    [("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False), ("::ffff:192.0.2.1", True)],
)
def test_an_ipv4_address_written_as_one_of_ipv6_is_what_it_is(ip: str, *, is_public: bool) -> None:
    assert Client("x", ip).is_public is is_public


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            "by mx.isp.example (a (b (c (d (e (f)))))) with SMTP; Mon",
            ["by", "mx.isp.example", "with", "SMTP"],
        ),
        (r"by mx (Authenticated sender: DOM\anna) id 1", ["by", "mx", "id", "1"]),
        (r"by mx (\) by evil \( for) id 1", ["by", "mx", "id", "1"]),
        ('by mx (envelope-from <"a\\"b"@x.example>) id 1', ["by", "mx", "id", "1"]),
        ('by mx for <"john doe"@firma.de>; "x', ["by", "mx", "for", '<"john doe"@firma.de>']),
        ('by mx for <"a;b\\"c"@firma.de> (x); Mon', ["by", "mx", "for", '<"a;b\\"c"@firma.de>']),
        ('from "MYPC" by mx id a[1]', ["from", '"MYPC"', "by", "mx", "id", "a[1]"]),
        ("(qmail 1 invoked by uid 0); Mon", []),
        ("; for <eve@firma.de>", []),
        ("", []),
    ],
)
def test_the_words_of_a_received_line_are_what_is_no_comment(value: str, words: list[str]) -> None:
    assert split_words(value.encode()) == [word.encode() for word in words]


@pytest.mark.parametrize(
    "value",
    [
        "from a ( by mx; Mon",
        "from a) by mx",
        'from "a by mx; Mon',
        r"from a\b by mx",
        "by mx (x\\) id 1; Mon",
    ],
)
def test_a_line_whose_signs_do_not_pair_off_has_no_words(value: str) -> None:
    assert split_words(value.encode()) is None


def test_what_is_looked_at_sign_by_sign_has_a_limit() -> None:
    assert split_words(b'by mx for "a"' + b" b" * TOKEN_LIMIT) is None
    assert split_words(b"by mx for a" + b" b" * TOKEN_LIMIT) is not None


@given(st.lists(SPECIAL_PIECES | st.binary(max_size=3), max_size=15).map(b"".join))
def test_any_line_has_words_that_stand_in_it_or_none(value: bytes) -> None:
    for word in split_words(value) or []:
        assert word
        assert word in value
