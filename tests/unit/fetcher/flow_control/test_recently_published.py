"""The mails that stand in the queues before others'."""

from __future__ import annotations

from services.fetcher.flow_control.recently_published import STANDING, RecentlyPublished


def test_a_mail_stands_there_until_it_arrives() -> None:
    queued = RecentlyPublished()
    queued.add("a", 5, 0.0)
    queued.add("b", 7, 0.0)
    queued.discard("a")
    queued.discard("a")
    assert (queued.count(0.0), queued.octets) == (1, 7)


def test_a_mail_that_takes_longer_waits_for_its_target_and_counts_no_more() -> None:
    queued = RecentlyPublished()
    queued.add("a", 5, 0.0)
    queued.add("b", 7, 1.0)
    assert queued.count(STANDING) == 1
    assert queued.octets == 7
    assert queued.count(STANDING + 1.0) == 0
    assert queued.octets == 0


def test_a_mail_that_sets_out_again_stands_behind_the_others() -> None:
    queued = RecentlyPublished()
    queued.add("a", 5, 0.0)
    queued.add("b", 7, 1.0)
    queued.add("a", 6, 2.0)
    assert (queued.count(STANDING), queued.octets) == (2, 13)
    assert (queued.count(STANDING + 1.0), queued.octets) == (1, 6)
