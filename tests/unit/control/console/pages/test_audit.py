"""What a record of the audit changed, key by key."""

from __future__ import annotations

from services.control.console.pages.audit import LONGEST, Difference, differences
from shared.ports.store import AuditRecord


def test_a_record_tells_each_key_before_and_after() -> None:
    record = AuditRecord(
        1.0, "otto", "192.0.2.1", "account.change", "acme", "acme/info", {"poll": "1m"}, {"poll": 5, "x": [1]}
    )
    assert differences(record) == [Difference("poll", "1m", "5"), Difference("x", None, "[1]")]


def test_a_long_value_is_cut() -> None:
    record = AuditRecord(1.0, "otto", "", "a", None, "x", None, {"note": "y" * 10_000})
    assert differences(record) == [Difference("note", None, "y" * LONGEST)]
