from __future__ import annotations

from shared.imap.capabilities import parse_capabilities


def test_names_are_compared_in_upper_case() -> None:
    made = parse_capabilities(b"IMAP4rev1 Idle AUTH=plain auth=XOAUTH2 MESSAGELIMIT=1000 IDLE")
    assert "IDLE" in made
    assert "Idle" not in made
    assert made.mechanisms == ("PLAIN", "XOAUTH2")
    assert made.value_of("MESSAGELIMIT") == "1000"
    assert made.value_of("APPENDLIMIT") is None


def test_uids_can_be_expunged_with_uidplus_or_rev2() -> None:
    for names, expected in ((b"UIDPLUS", True), (b"IMAP4rev2", True), (b"IMAP4rev1 MOVE", False)):
        assert parse_capabilities(names).can_expunge_uids is expected
