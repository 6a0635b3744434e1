"""Which mails are asked for next."""

from __future__ import annotations

import pytest

from shared.model.mailbox import Listed
from shared.net.reading.refused_mails import SAMPLES
from shared.pop3.limits import PipelineWindow
from shared.pop3.request_queue import RequestQueue
from shared.pop3.server_quirks import ServerQuirks

ENTRIES = [Listed(f"uid{number}", number, 10) for number in range(1, 8)]


def asked(requests: RequestQueue) -> list[str]:
    return [command.shown for command in requests.next_commands()]


@pytest.mark.parametrize("ahead", [1, 2, 3, 9])
def test_samples_are_the_last_and_one_from_the_middle_and_keep_to_the_window(ahead: int) -> None:
    asking = RequestQueue(ENTRIES[:5], PipelineWindow(retrievals=1), ServerQuirks("pop.example"), ())
    assert asked(asking) == ["RETR 1"]
    asking.take_answered()
    asking.ask_for_samples()
    asking._window = PipelineWindow(retrievals=ahead)
    sampled: list[str] = []
    while not asking.is_done:
        now = asked(asking)
        assert len(now) <= ahead
        sampled += now
        for _ in now:
            asking.take_answered()
    assert sampled == ["RETR 5", "RETR 3"]
    assert len(sampled) == SAMPLES


def test_when_it_goes_on_the_rest_comes_in_its_order() -> None:
    asking = RequestQueue(ENTRIES, PipelineWindow(retrievals=1), ServerQuirks("pop.example"), ())
    asking.ask_for_samples()
    numbers: list[str] = asked(asking)
    asking.take_answered()
    asking.resume_asking()
    while not asking.is_done:
        numbers += asked(asking)
        asking.take_answered()
    assert numbers == [f"RETR {number}" for number in (7, 1, 2, 3, 4, 5, 6)]


def test_what_is_to_stop_asks_for_no_samples_either() -> None:
    asking = RequestQueue(ENTRIES, PipelineWindow(), ServerQuirks("pop.example"), ())
    asking.ask_for_samples()
    asking.stop_asking()
    assert (asked(asking), asking.is_done) == ([], True)
