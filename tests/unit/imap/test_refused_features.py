from __future__ import annotations

from shared.imap.refused_features import REMEMBERED, RefusedFeatures

SERVER, OTHER = "imap.example:143", "imap.other.example:143"


def test_a_refused_feature_is_remembered_for_a_day_and_for_its_server_alone() -> None:
    now = [100.0]
    refused = RefusedFeatures(lambda: now[0])
    refused.note_refused(SERVER, "ESEARCH")
    assert [refused.has(SERVER, "ESEARCH"), refused.has(OTHER, "ESEARCH"), refused.has(SERVER, "MOVE")] == [
        True, False, False,
    ]  # fmt: skip
    now[0] += REMEMBERED
    assert not refused.has(SERVER, "ESEARCH")


def test_a_server_that_hung_up_once_may_have_had_another_reason() -> None:
    refused = RefusedFeatures()
    refused.note_hang_up(SERVER, ["compress"])
    assert not refused.has(SERVER, "compress")
    refused.note_answered(SERVER, ["compress"])
    refused.note_hang_up(SERVER, ["compress"])
    assert not refused.has(SERVER, "compress")
    refused.note_hang_up(SERVER, ["compress"])
    assert refused.has(SERVER, "compress")
