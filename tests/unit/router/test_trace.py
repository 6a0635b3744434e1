from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.header import read_header
from services.router.trace import HOP_LIMIT, Hop, organisational_domain, read_hop, trusted_hops
from shared.model.address import Address
from tests.fakes.mails import corpus_mails, mail

BOB = Address("bob", "firma.de")
MX = Hop("mx.isp.example", None)
MX_FOR_BOB = Hop("mx.isp.example", BOB)
PIECES = st.sampled_from(
    [b"from ", b"by ", b"for ", b"mx.isp.example ", b"<bob@firma.de>", b";", b"(", b")", b'"', b"[", b","]
)


def hosts(*values: str) -> list[str]:
    return [hop.by for hop in trusted_hops(read_header(mail(*(f"Received: {value}" for value in values))))]


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
        ("from a ( by evil.example for <eve@firma.de>; Mon", Hop("", None)),
        ('from "a by evil.example for <eve@firma.de> by mx.isp.example; Mon', Hop("", None)),
        ("(qmail 1 invoked by uid 0); Mon", Hop("", None)),
        ("from a by mx.isp.example for bob\v@firma.de; Mon", MX),
        ("from a by mx.isp.example for bob\u2003@firma.de; Mon", MX),
        ("from a by", Hop("", None)),
        ("", Hop("", None)),
    ],
)  # fmt: skip
def test_a_received_line_names_its_host_and_its_only_recipient(value: str, hop: Hop) -> None:
    assert read_hop(read_header(mail(f"Received: {value}")).first("received")) == hop


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("mx1.mail.isp.example", "isp.example"),
        ("isp.example.", "isp.example"),
        ("mx.isp.co.uk", "isp.co.uk"),
        ("co.uk", "co.uk"),
        ("mx.provider.de", "provider.de"),
        ("localhost", ""),
        ("10.0.0.1", ""),
        ("[10.0.0.1]", ""),
        ("", ""),
    ],
)
def test_the_organisational_domain_of_a_host(host: str, domain: str) -> None:
    assert organisational_domain(host) == domain


def test_the_zone_ends_at_the_first_host_that_is_not_the_providers() -> None:
    lines = (
        "by store.isp.example",
        "from x by mx.isp.example",
        "from y by out.sender.example",
        "from z by mx.isp.example",
    )
    assert hosts(*lines) == ["store.isp.example", "mx.isp.example"]


def test_hand_overs_within_a_machine_belong_to_the_zone_only_at_its_top() -> None:
    lines = (
        "(qmail 1 invoked by uid 0)",
        "from x by localhost",
        "from x by mx.isp.example",
        "from y by localhost",
    )
    assert hosts(*lines) == ["", "localhost", "mx.isp.example"]


def test_a_host_that_only_ends_like_the_provider_is_not_the_providers() -> None:
    assert hosts("by mx.isp.example", "by mx.evilisp.example") == ["mx.isp.example"]


def test_a_zone_has_a_limit() -> None:
    assert len(hosts(*["by mx.isp.example"] * (HOP_LIMIT + 5))) == HOP_LIMIT


@given(st.lists(PIECES | st.binary(max_size=3), max_size=15).map(b"".join))
def test_any_received_line_gives_a_hop(value: bytes) -> None:
    hop = read_hop(value)
    assert hop.recipient is None or str(hop.recipient).encode() in value.lower()


@pytest.mark.parametrize("path", corpus_mails())
def test_the_zone_of_any_real_mail_is_the_beginning_of_its_received_lines(path: Path) -> None:
    header = read_header(path.read_bytes())
    zone = trusted_hops(header)
    assert zone == [read_hop(field.unfolded) for field in header.all("received")][: len(zone)]
    assert len({organisational_domain(hop.by) for hop in zone} - {""}) <= 1
