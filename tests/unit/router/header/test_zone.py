from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.header.fields import read_header
from services.router.header.host_names import organisational_domain
from services.router.header.received import UNREADABLE, Client, read_hop
from services.router.header.zone import HOP_LIMIT, TrustedZone
from tests.fakes.mails import corpus_mails, mail


def zone(*lines: str, hosts: tuple[str, ...] = ()) -> TrustedZone:
    return TrustedZone(read_header(mail(*lines)), hosts)


def trusted(*values: str, hosts: tuple[str, ...] = ()) -> list[str]:
    return [hop.by for hop in zone(*(f"Received: {value}" for value in values), hosts=hosts).hops]


def test_the_zone_ends_at_the_first_host_that_is_not_the_providers() -> None:
    lines = (
        "by store.isp.example",
        "from x by mx.isp.example",
        "from y by out.sender.example",
        "from z by mx.isp.example",
    )
    assert trusted(*lines) == ["store.isp.example", "mx.isp.example"]


def test_hand_overs_within_a_machine_belong_to_the_zone_only_at_its_top() -> None:
    lines = (
        "(qmail 1 invoked by uid 0)",
        "from x by localhost",
        "from x by mx.isp.example",
        "from y by localhost",
    )
    assert trusted(*lines) == ["", "localhost", "mx.isp.example"]


def test_a_host_that_only_ends_like_the_provider_is_not_the_providers() -> None:
    assert trusted("by mx.isp.example", "by mx.evilisp.example") == ["mx.isp.example"]


@pytest.mark.parametrize(
    "client",
    [
        "out.sender.example",
        "out.sender.example (out.sender.example [192.0.2.1])",
        "mx.isp.example (out.sender.example [192.0.2.1])",
        "mx.isp.example (unknown [192.0.2.1])",
        "[192.0.2.1] (helo=mx.isp.example)",
        "unknown (HELO mx.isp.example) (192.0.2.1)",
        "me (me [192.0.2.1])",
        "mx.isp.example ([192.0.2.1])",
        "mx.isp.example (192.0.2.1)",
        "mx.isp.example (2001:db8::1)",
        "x (mx.isp.example [192.0.2.1] (may be forged))",
        "mx.isp.example (joe@out.sender.example [192.0.2.1])",
        "[192.0.2.1]:4455 (helo=mx.isp.example)",
        "[IPv6:2001:db8::1] (helo=mx.isp.example)",
    ],
)
def test_nothing_below_the_line_that_took_the_mail_from_outside_is_the_providers(client: str) -> None:
    lines = (f"from {client} by mx.isp.example", "from x.isp.example by mx.isp.example for <eve@firma.de>")
    assert len(trusted(*lines)) == 1


@pytest.mark.parametrize(
    "client",
    [
        "mx.isp.example",
        "mx.isp.example (mx.isp.example [192.0.2.1])",
        "localhost (localhost [127.0.0.1])",
        "scanner.internal.example (scanner.internal.example [10.0.0.7])",
        "mx.isp.example (mx.isp.example [2001:db8::1])",
        "mx.isp.example ([192.0.2.1] helo=mx)",
        "mx.isp.example (HELO mx) (192.0.2.1)",
        "mx.isp.example ([10.0.0.7])",
        "userid-17",
    ],
)
def test_the_providers_own_hosts_hand_over_within_the_zone(client: str) -> None:
    lines = (f"from {client} by store.isp.example", "from out.sender.example by mx.isp.example")
    assert trusted(*lines) == ["store.isp.example", "mx.isp.example"]


@pytest.mark.parametrize("by", ["store.isp.example", "store"])
@pytest.mark.parametrize("protocol", ["LMTP", "LMTPS", "lmtp"])
def test_a_hand_over_to_the_store_by_lmtp_comes_from_inside_whatever_the_address(
    by: str, protocol: str
) -> None:
    lines = (
        f"from mx.isp.example ([192.0.2.1]) by {by} (x) with {protocol} id 1",
        "from out.sender.example by mx.isp.example",
    )
    assert trusted(*lines) == [by, "mx.isp.example"]


@pytest.mark.parametrize("clauses", ["with ESMTP", "with ESMTP id lmtp", "id with LMTP", "for with lmtp"])
def test_what_only_looks_like_lmtp_is_none(clauses: str) -> None:
    lines = (f"from lmtp ([192.0.2.1]) by mx.isp.example {clauses}", "by mx.isp.example")
    assert trusted(*lines) == ["mx.isp.example"]


@pytest.mark.parametrize("by", ["mailserver", "0", "localhost", "10.0.0.5"])
@pytest.mark.parametrize(
    "client",
    [
        "mx.sender.example (mx.sender.example [192.0.2.1])",
        "mx.sender.example (192.0.2.1)",
        "unknown (HELO localhost) (192.0.2.1)",
    ],
)
def test_a_client_outside_ends_the_zone_also_where_the_provider_is_not_yet_known(
    by: str, client: str
) -> None:
    lines = (f"from {client} by {by} with SMTP", "from localhost by mx.sender.example for <eve@firma.de>")
    assert trusted(*lines) == [by]
    assert trusted("(qmail 1 invoked from network)", *lines) == ["", by]


@pytest.mark.parametrize("host", ["192.0.2.1", "mx.isp.example"])
@pytest.mark.parametrize(
    ("client", "hosts_that_count"),
    [
        ("mx.isp.example ([192.0.2.1])", {"192.0.2.1"}),
        ("x (mx.isp.example [192.0.2.1])", {"192.0.2.1", "mx.isp.example"}),
        ("x (other.example [192.0.2.1])", {"192.0.2.1"}),
    ],
)
def test_a_client_that_is_trusted_hands_over_within_the_zone_unless_it_only_says_that_it_is(
    client: str, hosts_that_count: set[str], host: str
) -> None:
    lines = (f"from {client} by mailserver", "from out.sender.example by store.cloud.example")
    hosts = (host, "store.cloud.example")
    assert bool(trusted(*lines, hosts=hosts)) is (host in hosts_that_count)


def test_trusted_hosts_take_the_place_of_the_topmost_hosts_domain() -> None:
    lines = (
        "(qmail 1 invoked by uid 0)",
        "from mx.cloud.example by 10.0.0.5",
        "from out.sender.example by mx.cloud.example",
        "by out.sender.example",
    )
    hosts = ("10.0.0.5", "*.cloud.example")
    assert trusted(*lines) == ["", "10.0.0.5", "mx.cloud.example"]
    assert trusted(*lines, hosts=hosts) == ["", "10.0.0.5", "mx.cloud.example"]
    assert trusted("by a.isp.example", "by b.isp.example", hosts=("a.isp.example",)) == ["a.isp.example"]


@pytest.mark.parametrize("line", ["by mx.isp.example", "by xcloud.example", "by cloud.example", "(no host)"])
def test_where_the_topmost_host_is_not_among_the_trusted_ones_nothing_is_believed(line: str) -> None:
    hosts = ("*.cloud.example",)
    assert trusted(line, "by mx.cloud.example", hosts=hosts)[1:] == (
        [] if line[0] == "b" else ["mx.cloud.example"]
    )
    found = zone("Return-Path: <a@x.example>", f"Received: {line}", hosts=hosts)
    assert (found.hops, found.fields_named("return-path")) == ([], [])


@pytest.mark.parametrize(
    "line", ["from a( by mx.isp.example", 'from "a by mx.isp.example', "from a with SMTP"]
)
def test_nothing_below_a_line_that_cannot_be_read_is_the_providers(line: str) -> None:
    found = zone(
        "X-A: 1",
        f"Received: {line} for <bob@firma.de>",
        "X-A: 2",
        "Received: from y by mx.isp.example for <eve@firma.de>",
    )
    assert found.hops == [UNREADABLE]
    assert [field.value for field in found.fields_named("x-a")] == [b"1"]
    assert found.client == Client()


def test_an_unreadable_line_below_one_of_the_providers_is_not_the_providers() -> None:
    assert trusted("by mx.isp.example", "from a( by mx.isp.example") == ["mx.isp.example"]
    assert trusted("(qmail 1 invoked by uid 0)", "from a( by x.example", "by mx.isp.example") == ["", ""]


def test_where_hosts_are_trusted_nothing_is_believed_beside_a_line_that_cannot_be_read() -> None:
    lines = ("from a( by mx.isp.example", "from b by mx.isp.example")
    assert trusted(*lines, hosts=("*.isp.example",)) == []


def test_a_zone_has_a_limit() -> None:
    assert len(trusted(*["by mx.isp.example"] * (HOP_LIMIT + 5))) == HOP_LIMIT


def test_fields_on_top_and_between_the_providers_lines_are_in_the_zone_and_those_below_are_not() -> None:
    found = zone(
        "X-A: 1",
        "Received: from mx.isp.example by store.isp.example",
        "X-A: 2",
        "Received: from out.sender.example by mx.isp.example",
        "X-A: 3",
        "Received: by out.sender.example",
        "X-A: 4",
    )
    assert [field.value for field in found.fields_named("x-a")] == [b"1", b"2"]
    assert found.end == 4


def test_without_received_lines_all_fields_are_in_the_zone_and_nobody_vouches_for_them() -> None:
    found = zone("X-A: 1", "Subject: x", "X-A: 2")
    assert (len(found.fields_named("x-a")), found.end, found.has_received) == (2, 3, False)


@pytest.mark.parametrize("path", corpus_mails())
def test_the_zone_of_any_real_mail_is_the_beginning_of_its_received_lines(path: Path) -> None:
    header = read_header(path.read_bytes())
    hops = TrustedZone(header).hops
    assert hops == [read_hop(field.unfolded) for field in header.all_named("received")][: len(hops)]
    assert len({organisational_domain(hop.by) for hop in hops} - {""}) <= 1


def test_the_client_is_the_one_of_the_providers_last_line() -> None:
    found = zone(
        "Received: from mx.isp.example (mx.isp.example [10.0.0.1]) by store.isp.example",
        "Received: from helo.example (out.sender.example [192.0.2.1]) by mx.isp.example",
        "Received: from forged.example (forged.example [192.0.2.9]) by out.sender.example",
    ).client
    assert (found.name, found.ip) == ("out.sender.example", "192.0.2.1")


def test_without_a_line_of_the_providers_there_is_no_client() -> None:
    assert zone("Subject: x").client == Client()


OUTER = "from out.sender.example (out.sender.example [192.0.2.1]) by mx.isp.example for <anna@firma.de>"
REINJECTED = "from localhost (localhost [127.0.0.1]) by mx.isp.example (Postfix) with ESMTP id 2"
OWN_MACHINE = [
    "localhost",
    "localhost.localdomain",
    "localhost4.localdomain4",
    "127.0.0.1",
    "[127.0.0.1]",
    "[127.0.0.1]:10024",
    "127.0.0.1:10024",
    "::1",
    "[::1]",
    "[IPv6:::1]",
]
WITHOUT_PUBLIC_NAME = [*OWN_MACHINE, "mail", "mail.local", "mail.isp.internal", "10.0.0.5", "[fd00::5]"]


@pytest.mark.parametrize("by", WITHOUT_PUBLIC_NAME)
@pytest.mark.parametrize(
    "above",
    [
        "from localhost (localhost [127.0.0.1]) by mx.isp.example",
        "from localhost (localhost [::1]) by mx.isp.example",
        "from localhost (localhost [IPv6:::1]) by mx.isp.example",
        "from mx.isp.example (unknown [127.0.0.1]) by mx.isp.example",
        "from mx.isp.example ([10.0.0.7]) by mx.isp.example",
        "from filter (mx2.isp.example [192.0.2.9]) by mx.isp.example",
        "from mx2.isp.example (HELO x) (192.0.2.9) by mx.isp.example",
        "from mx.isp.example (LHLO mx.isp.example) (192.0.2.9) by mx.isp.example with LMTP",
        "from mx.isp.example by mx.isp.example with LMTP",
        "from mx2.isp.example by mx.isp.example with ESMTP",
    ],
)
def test_a_filters_line_below_one_that_shows_a_hand_over_inside_belongs_to_the_zone(
    by: str, above: str
) -> None:
    filtered = (
        f"from mx.isp.example ([127.0.0.1]) by {by} (mx.isp.example [127.0.0.1]) (amavisd-new, port 10024)"
    )
    lines = (above, filtered, OUTER, "from me by out.sender.example")
    assert trusted(*lines) == ["mx.isp.example", by.lower(), "mx.isp.example"]
    forwarded = (above, filtered, REINJECTED, filtered, OUTER, "from me by out.sender.example")
    assert trusted(*forwarded) == ["mx.isp.example", by.lower()] * 2 + ["mx.isp.example"]


@pytest.mark.parametrize("by", [*WITHOUT_PUBLIC_NAME, "mx.isp.example"])
@pytest.mark.parametrize(
    "client",
    [
        "out.sender.example (out.sender.example [192.0.2.1])",
        "localhost (out.sender.example [192.0.2.1])",
        "localhost ([192.0.2.1])",
        "[127.0.0.1] ([192.0.2.1])",
        "mx.isp.example (unknown [192.0.2.1])",
        "mx.isp.example ([192.0.2.1])",
        "mx.isp.example (mx.isp.example [192.0.2.1] (may be forged))",
        "unknown (HELO localhost) (192.0.2.1)",
        "[::ffff:192.0.2.1]",
    ],
)
def test_a_forged_filters_line_below_the_one_that_took_the_mail_from_outside_is_not_the_providers(
    by: str, client: str
) -> None:
    forged = f"from mx.isp.example ([127.0.0.1]) by {by} for <eve@firma.de>"
    assert trusted(f"from {client} by mx.isp.example", forged, OUTER) == ["mx.isp.example"]


@pytest.mark.parametrize("by", WITHOUT_PUBLIC_NAME)
@pytest.mark.parametrize(
    "above",
    [
        "from localhost by mx.isp.example",
        "from userid-17 by mx.isp.example",
        "by mx.isp.example (Postfix, from userid 1000)",
    ],
)
def test_a_clients_own_word_does_not_make_a_line_without_a_public_name_the_providers(
    by: str, above: str
) -> None:
    assert trusted(above, f"from x ([127.0.0.1]) by {by}", OUTER) == ["mx.isp.example"]


@pytest.mark.parametrize("by", OWN_MACHINE)
def test_a_line_by_localhost_whose_client_is_foreign_is_not_the_providers(by: str) -> None:
    foreign = f"from out.sender.example (out.sender.example [192.0.2.1]) by {by}"
    assert trusted(REINJECTED, foreign, OUTER) == ["mx.isp.example"]


def test_a_private_host_that_the_line_above_names_may_have_received_the_mail_from_outside() -> None:
    outside = "from out.sender.example (out.sender.example [192.0.2.1])"
    for by in ("front", "10.0.0.5", "[10.0.0.5]"):
        lines = ("from front (front.isp.example [10.0.0.5]) by mx.isp.example", f"{outside} by {by}", OUTER)
        assert trusted(*lines) == ["mx.isp.example", by]
    others = ("from front (front.isp.example [10.0.0.5]) by mx.isp.example", f"{outside} by laptop", OUTER)
    assert trusted(*others) == ["mx.isp.example"]


def test_a_host_with_a_public_name_of_its_own_is_not_the_providers_whatever_the_line_above_shows() -> None:
    assert trusted(REINJECTED, "from x ([127.0.0.1]) by mx.other.example", OUTER) == ["mx.isp.example"]


def test_the_comments_of_qmail_belong_to_the_zone_below_a_hand_over_inside() -> None:
    inside = "from localhost (HELO mx.isp.example) (127.0.0.1) by mx.isp.example with SMTP"
    lines = (inside, "(qmail 1 invoked by uid 89)", OUTER)
    assert trusted(*lines) == ["mx.isp.example", "", "mx.isp.example"]


def test_a_filter_on_a_trusted_machine_is_trusted_and_another_host_of_its_network_is_not() -> None:
    hosts = ("mx.isp.example",)
    filtered = "from mx.isp.example ([127.0.0.1]) by localhost"
    assert trusted(REINJECTED, filtered, OUTER, hosts=hosts) == [
        "mx.isp.example",
        "localhost",
        "mx.isp.example",
    ]
    neighbour = "from filter (filter [10.0.0.7]) by mx.isp.example"
    assert trusted(neighbour, filtered, OUTER, hosts=hosts) == ["mx.isp.example"]
    assert trusted(neighbour, filtered, OUTER, hosts=(*hosts, "10.0.0.7"))[1:] == [
        "localhost",
        "mx.isp.example",
    ]


def test_localhost_with_a_domain_does_not_name_the_provider() -> None:
    lines = ("from x ([127.0.0.1]) by localhost.localdomain", "from y by mx.isp.example")
    assert trusted(*lines) == ["localhost.localdomain", "mx.isp.example"]


NAMES = st.sampled_from(
    [*WITHOUT_PUBLIC_NAME, "mx.isp.example", "store.isp.example", "out.sender.example", "front", ""]
)
CLIENTS = st.builds(
    "{} {}".format,
    NAMES,
    st.sampled_from(
        [
            "",
            "([127.0.0.1])",
            "(localhost [127.0.0.1])",
            "(mx.isp.example [10.0.0.7])",
            "(out.sender.example [192.0.2.1])",
            "(HELO localhost) (127.0.0.1)",
            "(mx.isp.example [192.0.2.1])",
        ]
    ),
)
PROTOCOLS = st.sampled_from(["", "with LMTP", "with ESMTP", "(amavisd-new, port 10024)", "(", '"'])
FORGED = st.builds("from {} by {} {} for <eve@firma.de>".format, CLIENTS, NAMES, PROTOCOLS)
INSIDE = st.sampled_from(
    [
        REINJECTED,
        "from mx.isp.example ([127.0.0.1]) by localhost (mx.isp.example [127.0.0.1]) (amavisd-new)",
        "from mx.isp.example ([127.0.0.1]) by 127.0.0.1",
        "from front (front.isp.example [10.0.0.5]) by mx.isp.example",
        "from mx.isp.example (LHLO mx.isp.example) (192.0.2.9) by mx.isp.example with LMTP",
    ]
)
SAID = st.sampled_from(
    ["localhost", "[127.0.0.1]", "mx.isp.example", "front", "x", "127.0.0.1", "[IPv6:::1]", "10.0.0.5"]
)


@given(
    inside=st.lists(INSIDE, max_size=4),
    said=SAID,
    hosts=st.sampled_from([(), ("*.isp.example",)]),
    forged=st.lists(FORGED, max_size=6),
)
def test_whatever_the_sender_writes_the_zone_ends_at_the_line_that_received_its_mail(
    inside: list[str], said: str, hosts: tuple[str, ...], forged: list[str]
) -> None:
    top = "from mx.isp.example (mx.isp.example [10.0.0.1]) by store.isp.example for <collect@isp.example>"
    for seen in ("unknown [192.0.2.1]", "out.sender.example [192.0.2.1]", "[192.0.2.1]"):
        own = [top, *inside, f"from {said} ({seen}) by mx.isp.example for <bob@firma.de>"]
        lines = [f"Received: {line}" for line in (*own, *forged)]
        found = zone(*lines, "X-Original-To: eve@firma.de", hosts=hosts)
        assert len(found.hops) <= len(own)
        assert found.fields_named("x-original-to") == []
        assert zone(*lines[: len(own)], hosts=hosts).hops[: len(own)] == found.hops
