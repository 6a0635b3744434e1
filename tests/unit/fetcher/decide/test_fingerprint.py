"""Mails are recognised by digests that line ends, division and a server's notes do not change."""

from __future__ import annotations

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.fingerprint import Fingerprint, header_digest, names_one_mail

MAIL = b"Subject: one\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n\r\nmore\r\n"


def taken(raw: bytes, *cuts: int) -> tuple[str, str]:
    fingerprint = Fingerprint(with_content=True)
    ends = sorted(min(cut, len(raw)) for cut in cuts)
    for start, end in zip([0, *ends], [*ends, len(raw)], strict=True):
        fingerprint.feed(raw[start:end])
    return fingerprint.header, fingerprint.content


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_the_division_into_pieces_does_not_matter(raw: bytes, cuts: list[int]) -> None:
    assert taken(raw, *cuts) == taken(raw)
    assert taken(raw)[0] == header_digest(raw)


def test_the_header_alone_has_the_digest_of_the_mail() -> None:
    header = b"Subject: one\r\nMessage-ID: <1@x>\r\n"
    assert {
        header_digest(each) for each in (MAIL, header, header + b"\r\n", MAIL.replace(b"\r\n", b"\n"))
    } == {header_digest(MAIL)}


def test_a_header_names_one_mail_by_its_way_or_by_message_id_and_date() -> None:
    assert names_one_mail(b"Received: from a by b; today\r\n\r\n")
    assert names_one_mail(b"Subject: x\r\ndate: today\nMESSAGE-ID : <1@x>\n\n")
    for header in (b"Message-ID: <1@x>\r\n", b"Date: today\r\n", b"Subject: Received: no\r\n", b""):
        assert not names_one_mail(header + b"\r\nReceived: in the body\r\nMessage-ID: 1\r\nDate: 1\r\n")


def test_a_fingerprint_counts_the_octets_of_all_pieces() -> None:
    fingerprint = Fingerprint(with_content=False)
    for piece in (MAIL[:10], MAIL[10:]):
        fingerprint.feed(piece)
    assert (fingerprint.octets, fingerprint.names_one_mail) == (len(MAIL), False)


def test_notes_that_servers_write_into_stored_mail_do_not_count() -> None:
    noted = MAIL.replace(b"Message-ID", b"Status: RO\r\nX-UIDL: abc\r\n def\r\nMessage-ID")
    assert header_digest(noted) == header_digest(MAIL)
    assert header_digest(MAIL.replace(b"one", b"two")) != header_digest(MAIL)


def test_a_mail_without_header_or_without_body_has_a_digest() -> None:
    assert header_digest(b"\r\nSubject: body") == header_digest(b"\nother body") == header_digest(b"")


def test_the_content_is_digested_only_where_that_is_asked_for() -> None:
    plain = Fingerprint(with_content=False)
    plain.feed(MAIL)
    assert plain.content == ""
    assert plain.header == header_digest(MAIL)
    assert taken(MAIL)[1] != taken(MAIL + b" ")[1]


def digest_as_written_first(raw: bytes) -> str:
    """The digests of rows that are older than this program are to be found again."""
    blank = re.search(rb"\r?\n\r?\n", raw)
    header = b"" if raw.startswith((b"\r\n", b"\n")) else raw[: blank.start()] if blank else raw
    plain = header.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"
    notes = (
        rb"^(?:x-)?(?:status|keywords|uidl?|imapbase|mozilla-[a-z0-9-]+|content-length|lines)[ \t]*:[^\n]*\n"
    )
    left = re.sub(notes + rb"(?:[ \t][^\n]*\n)*", b"", plain, flags=re.IGNORECASE | re.MULTILINE)
    return hashlib.blake2b(left, digest_size=16).hexdigest()


HEADER_PARTS = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"Status: RO", b"x-uid:1", b"Lines :", b"Subject: a", b" folded", b":", b"X"]
)


@given(st.lists(HEADER_PARTS, max_size=12).map(b"".join))
def test_the_digest_stays_what_it_was_in_ledgers_that_exist(raw: bytes) -> None:
    assert header_digest(raw) == digest_as_written_first(raw)
