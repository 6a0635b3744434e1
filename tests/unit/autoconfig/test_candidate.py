from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.autoconfig.candidate import IMAP, POP3, Candidate, Confidence, Way, ordered
from shared.config.urls import source_url
from shared.model.endpoint import Tls

PLAIN = Candidate(IMAP, "imap.isp.example", 993, Tls.IMPLICIT, "bob@isp.example", Way.ISPDB)

candidates = st.builds(
    Candidate,
    protocol=st.sampled_from([IMAP, POP3]),
    host=st.sampled_from(["a.example", "b.example", "2001:db8::1"]),
    port=st.sampled_from([993, 995, 143, 2000]),
    tls=st.sampled_from([Tls.IMPLICIT, Tls.REQUIRED, Tls.OFF]),
    username=st.just("bob"),
    way=st.sampled_from(Way),
)


@pytest.mark.parametrize(
    ("protocol", "port", "tls", "url"),
    [
        (IMAP, 993, Tls.IMPLICIT, "imaps://imap.isp.example"),
        (IMAP, 143, Tls.REQUIRED, "imap://imap.isp.example"),
        (POP3, 995, Tls.IMPLICIT, "pop3s://imap.isp.example"),
        (POP3, 110, Tls.OFF, "pop3://imap.isp.example"),
        (IMAP, 1993, Tls.IMPLICIT, "imaps://imap.isp.example:1993"),
        (IMAP, 993, Tls.REQUIRED, "imap://imap.isp.example:993"),
    ],
)
def test_the_url_is_as_short_as_can_be(protocol: str, port: int, tls: Tls, url: str) -> None:
    assert replace(PLAIN, protocol=protocol, port=port, tls=tls).url == url


@given(candidates)
def test_the_url_of_every_candidate_is_one_that_a_configuration_takes(candidate: Candidate) -> None:
    read = source_url(candidate.url)
    assert (read.host, read.port) == (candidate.host, candidate.port)
    assert read.scheme.endswith("s") == (candidate.tls is Tls.IMPLICIT)


def test_a_server_without_tls_or_found_without_tls_is_insecure() -> None:
    assert replace(PLAIN, tls=Tls.OFF).confidence is Confidence.INSECURE
    assert replace(PLAIN, way=Way.CLEAR_AUTOCONFIG).confidence is Confidence.INSECURE
    assert PLAIN.confidence is Confidence.HIGH


@given(st.lists(candidates, max_size=8), st.sampled_from([IMAP, POP3]))
def test_what_is_insecure_is_behind_everything_else_and_the_asked_protocol_leads_the_rest(
    found: list[Candidate], protocol: str
) -> None:
    result = ordered(found, protocol)
    secure = [each.is_secure for each in result]
    assert secure == sorted(secure, reverse=True)
    asked = [each.protocol == protocol for each in result if each.is_secure]
    assert asked == sorted(asked, reverse=True)


@given(st.lists(candidates, max_size=8))
def test_each_server_is_offered_once_as_the_most_trustworthy_way_found_it(found: list[Candidate]) -> None:
    result = ordered(found)
    places = [(each.protocol, each.host, each.port) for each in result]
    assert len(places) == len(set(places))
    assert set(places) == {(each.protocol, each.host, each.port) for each in found}
    for each in result:
        same = [
            other
            for other in found
            if (other.protocol, other.host, other.port) == (each.protocol, each.host, each.port)
        ]
        assert each.is_secure == any(other.is_secure for other in same)


def test_tls_from_the_first_octet_goes_before_tls_by_a_command() -> None:
    by_command = replace(PLAIN, port=143, tls=Tls.REQUIRED)
    assert ordered([by_command, PLAIN]) == [PLAIN, by_command]


def test_the_more_trustworthy_way_goes_first() -> None:
    guess = replace(PLAIN, host="mail.isp.example", way=Way.GUESS)
    preset = replace(PLAIN, host="imap.gmx.net", way=Way.PRESET)
    assert ordered([guess, PLAIN, preset]) == [preset, PLAIN, guess]
