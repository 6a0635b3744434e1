"""Fault 25: a target that is slow after the final dot, as RFC 5321 section 4.5.3.2 allows."""

from __future__ import annotations

import pytest
from typing_extensions import override

from shared.net.errors import DeadlineExceeded
from shared.smtp.envelope import Envelope, Mail
from shared.smtp.errors import ConnectionLost
from tests.fakes.scripted_stream import ScriptedStream
from tests.fakes.smtp_client import client_for

TO_BOB = Envelope("alice@example.org", ("bob@corp.example",))
MAIL = b"Subject: x\r\n\r\ntext\r\n"
ACCEPTED = b"250 OK\r\n250 OK\r\n354 go\r\n"


class SlowTarget(ScriptedStream):
    """Answers the content after so many simulated seconds, unless the deadline is over before."""

    def __init__(self, seconds: float) -> None:
        super().__init__(ACCEPTED, b"250 2.0.0 At last\r\n")
        self._seconds = seconds

    @override
    async def read(self) -> bytes:
        piece = await super().read()
        deadline = self.deadlines[-1]
        if self.unread == 0 and deadline is not None and deadline < self._seconds:
            raise DeadlineExceeded("no answer in time")
        return piece


async def test_fault_25_an_answer_after_9_minutes_and_59_seconds_is_waited_for() -> None:
    (reply,) = await (await client_for(SlowTarget(599))).send_mail(Mail(TO_BOB, MAIL))
    assert reply.reply.positive


async def test_an_answer_that_does_not_come_within_ten_minutes_leaves_the_mail_in_doubt() -> None:
    client = await client_for(SlowTarget(3600))
    with pytest.raises(ConnectionLost) as caught:
        await client.send_mail(Mail(TO_BOB, MAIL))
    assert caught.value.after_content
