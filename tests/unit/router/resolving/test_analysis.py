from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.router.evidence.evidence import Confidence, EvidenceClass
from services.router.resolving import analysis
from services.router.resolving.analysis import HeaderAnalysis, analyse_header, analyse_mail
from shared.adapters.file_blobs import FileBlobs
from shared.contract.events import MessageFetched, Payload
from shared.contract.journal import RecipientRouted, Routed
from shared.model.address import Address
from shared.model.message import LedgerKey, RecipientStatus
from shared.model.sender import SenderKind, SenderRule
from shared.model.srs import Srs
from shared.runtime.raw_mail import store_raw_mail
from tests.fakes.mails import POSTMASTER, account, catch_all, corpus_mails, mail, single_user

NOW = 1577836860.0

PIECES = st.sampled_from(
    [
        b"To: ",
        b"Delivered-To: ",
        b"Return-Path: ",
        b"Received: from ",
        b" by mx.isp.example",
        b" for ",
        b"X-A: ",
        b"Message-ID: ",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"bob@firma.de",
        b'"',
        b"(",
        b"<",
        b">",
    ]
)

DAMAGES = [
    b"",
    b"\0",
    b"\r",
    b"\n",
    b"\xff",
    b'"',
    b"(",
    b"<",
    b"@",
    b":",
    b"\r\nReceived: from a by b.c for <d@e.f>;",
]


def journal_entry(found: HeaderAnalysis) -> Routed:
    """What the analysis leads to in the journal: it must be text that every store can keep."""
    resolution = found.resolution
    recipients = tuple(
        RecipientRouted(
            address=each.address,
            destination=each.address,
            original=each.original,
            reason=each.reason,
            status=RecipientStatus.OPEN,
        )
        for each in resolution.recipients
    )
    rejected = tuple(f"{each.value}: {each.reason}" for each in resolution.rejected)
    return Routed(
        message="m",
        at=0,
        fetch_no=1,
        identity="i",
        message_id=found.message_id,
        reverse_path=found.reverse_path,
        target="t",
        evidence=resolution.evidence,
        rejected=rejected,
        recipients=recipients,
        lease_until=0,
    )


EVERYTHING = replace(
    catch_all(
        {"firma.de": "keep", "*.firma.de": "*.firma.de"}, fields=("X-A:2: a*<*>", "Received:for", "To: *,<*>")
    ),
    recipient_prefixes=("b",),
    trusted_hosts=("*.isp.example",),
    own_addresses=(Address("bob", "isp.example"),),
    aliases={Address("eve", "firma.de"): POSTMASTER},
    strip_tags=True,
    sender=SenderRule(SenderKind.SRS, srs=Srs("firma.de", (SecretStr("x"),))),
)


def recipients_of(raw: bytes) -> list[str]:
    return [each.address for each in analyse_header(raw, account(), NOW).resolution.recipients]


def assert_answered(raw: bytes) -> None:
    for routing in (None, EVERYTHING):
        found = analyse_header(raw, account(routing), NOW)
        text = journal_entry(found).model_dump_json()
        assert "\\u0000" not in text
        assert not any("failed" in note for note in found.evidence.notes)
        resolution = found.resolution
        assert resolution.recipients or resolution.park_reason
        assert all(each.address.rpartition("@")[2].endswith("firma.de") for each in resolution.recipients)


def test_the_analysis_of_a_header_has_all_that_the_router_needs() -> None:
    raw = mail(
        "Return-Path: <anna@sender.example>",
        "X-Original-To: bob@firma.de",
        "Message-ID:\r\n <1@sender.example>",
        "Received: from out.sender.example by mx.isp.example",
        "To: x@y.example",
    )
    found = analyse_header(raw, account(), NOW)
    assert found.reverse_path == "anna@sender.example"
    assert found.message_id == "<1@sender.example>"
    assert [each.address for each in found.resolution.recipients] == ["bob@firma.de"]
    assert found.resolution.evidence == "envelope-field X-Original-To (high confidence)"
    assert raw[found.header.end :] == b"Hallo\r\n"


def test_a_message_id_is_made_printable_and_cut() -> None:
    found = analyse_header(b"Message-ID: <\0\xff\x1b" + b"x" * 5_000 + b">\r\n\r\n", account(), NOW)
    assert found.message_id.isprintable()
    assert len(found.message_id) < 300


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"\0", b"Hallo", b"\r.\r", b"\n.\r\n", b"To", b"To:", b":", b"\xff: \xff"]
)
def test_a_mail_without_a_usable_header_goes_to_the_postmaster(raw: bytes) -> None:
    found = analyse_header(raw, account(), NOW)
    assert [each.address for each in found.resolution.recipients] == [str(POSTMASTER)]
    assert found.evidence.kind is EvidenceClass.NONE


@pytest.mark.parametrize(
    "failure", [IndexError("x"), ValueError("x"), RecursionError(), TypeError("x"), OverflowError("x")]
)
def test_a_failing_parser_lowers_the_confidence_and_is_recorded(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise failure

    raw = mail("Return-Path: <anna@sender.example>", "Delivered-To: bob@firma.de")
    monkeypatch.setattr(analysis, "choose_sender", fail)
    found = analyse_header(raw, account(), NOW)
    assert found.reverse_path == ""
    assert [each.address for each in found.resolution.recipients] == ["bob@firma.de"]
    assert found.evidence.confidence is Confidence.LOW
    assert "reading the Return-Path failed" in found.resolution.evidence

    monkeypatch.setattr(analysis, "find_evidence", fail)
    found = analyse_header(raw, account(), NOW)
    assert [each.address for each in found.resolution.recipients] == [str(POSTMASTER)]
    assert "the recipients could not be read" in found.resolution.recipients[0].reason

    monkeypatch.setattr(analysis, "read_header", fail)
    assert analyse_header(raw, account(catch_all(postmaster=None)), NOW).resolution.park_reason is not None


@pytest.mark.parametrize(
    "raw",
    [
        mail("Delivered-To: bob@firma.de") * 1_000,
        mail("Delivered-To: bob@firma.de", *["X: y"] * 100_000),
        mail("Delivered-To: bob@firma.de", "Subject: " + "=?utf-8?q?=C3=A4?= " * 5_000),
        mail("Delivered-To: bob@firma.de", "To: " + '"(<' * 30_000),
        mail("Delivered-To: bob@firma.de", "Content-Type: multipart/mixed", body=b"--x\r\n" * 1_000),
    ],
)
def test_a_monstrous_header_does_not_keep_the_mail_from_its_recipient(raw: bytes) -> None:
    assert [each.address for each in analyse_header(raw, account(), NOW).resolution.recipients] == [
        "bob@firma.de"
    ]


@given(st.lists(PIECES | st.binary(max_size=5), max_size=30).map(b"".join))
def test_any_bytes_get_an_answer(raw: bytes) -> None:
    assert_answered(raw)


@pytest.mark.parametrize("path", corpus_mails())
def test_fault_38_a_real_mail_that_was_damaged_gets_an_answer(path: Path) -> None:
    damage = random.Random(path.name)
    for _ in range(20):
        raw = bytearray(path.read_bytes()[:10_000])
        for _ in range(damage.randint(1, 8)):
            at = damage.randrange(len(raw) + 1)
            raw[at : at + damage.choice((0, 1, 20))] = damage.choice(DAMAGES) * damage.choice((1, 1, 30))
        assert_answered(bytes(raw))


@pytest.mark.parametrize("path", corpus_mails())
def test_every_real_mail_gets_an_answer(path: Path) -> None:
    raw = path.read_bytes()
    assert_answered(raw)
    own_domain = single_user("bob@corp.example")
    assert [each.address for each in analyse_header(raw, account(own_domain), NOW).resolution.recipients] == [
        "bob@corp.example"
    ]


@pytest.mark.parametrize("path", corpus_mails())
def test_a_real_mail_with_an_envelope_field_reaches_its_recipient(path: Path) -> None:
    raw = b"Delivered-To: bob@firma.de\r\n" + path.read_bytes()
    assert [each.address for each in analyse_header(raw, account(), NOW).resolution.recipients] == [
        "bob@firma.de"
    ]


IN_SALES = replace(catch_all(), folder_recipients={"Sales": Address("sales", "firma.de")})


def fetched_from(folder: str, payload: Payload) -> MessageFetched:
    key = LedgerKey(folder, 7, "0000000001")
    return MessageFetched(
        message="m1", tenant="acme", account="acme/all", fetch_no=1, key=key, fetched_at=NOW, payload=payload
    )


@pytest.mark.parametrize("in_blob", [False, True])
@pytest.mark.parametrize(("folder", "who"), [("Sales", "sales@firma.de"), ("INBOX", "bob@firma.de")])
async def test_the_event_says_from_which_folder_a_mail_came(
    tmp_path: Path, folder: str, who: str, in_blob: bool
) -> None:
    blobs, raw = FileBlobs(tmp_path), mail("To: bob@firma.de")
    payload = Payload(octets=len(raw), inline=raw)
    if in_blob:
        payload = Payload(octets=len(raw), blob=await store_raw_mail(blobs, "m1", payload))
    found = await analyse_mail(fetched_from(folder, payload), account(IN_SALES), blobs)
    assert [each.address for each in found.analysis.resolution.recipients] == [who]


def test_a_mail_that_goes_in_circles_is_parked_from_a_folder_with_a_recipient_too() -> None:
    raw = mail("X-Mailferry-ID: 1", "Received: from acme/all by ferry (Mailferry) id 1; Mon")
    found = analyse_header(raw, account(IN_SALES), NOW, "Sales").resolution
    assert found.recipients == ()
    assert found.park_reason is not None


def test_mail_of_a_folder_has_the_sender_that_the_account_wants() -> None:
    raw = mail("Return-Path: <a@x.example>", "Received: from x by mx.isp.example; Mon")
    assert analyse_header(raw, account(IN_SALES), NOW, "Sales").reverse_path == "a@x.example"
