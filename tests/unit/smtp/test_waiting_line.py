"""The order of mails that wait for a connection to a target."""

from __future__ import annotations

import asyncio

import pytest

from shared.smtp.envelope import Envelope
from shared.smtp.errors import NoConnectionFree
from shared.smtp.waiting_line import WaitingLine, WaitingMail


def waiting(tenant: str, name: str) -> WaitingMail:
    envelope = Envelope("", (f"{name}@corp.example",), flow=tenant)
    return WaitingMail(envelope, b"", asyncio.get_running_loop())


def served(line: WaitingLine) -> list[str]:
    mails = iter(line.next_mail, None)
    return [mail.envelope.recipients[0].partition("@")[0] for mail in mails]


async def test_a_tenants_single_mail_does_not_wait_for_all_of_anothers() -> None:
    line = WaitingLine("exchange", None)
    for name in ("a", "b", "c"):
        line.add_mail(waiting("large", name))
    line.add_mail(waiting("small", "1"))
    assert len(line) == 4
    assert served(line) == ["a", "1", "b", "c"]


async def test_a_mail_that_is_returned_is_next() -> None:
    line = WaitingLine("exchange", None)
    for name in ("a", "b"):
        line.add_mail(waiting("large", name))
    line.add_mail(waiting("small", "1"))
    first = line.next_mail()
    assert first is not None
    line.return_mail(first)
    assert served(line) == ["a", "1", "b"]


async def test_a_removed_mail_is_not_sent() -> None:
    line = WaitingLine("exchange", None)
    stays, leaves = waiting("acme", "stays"), waiting("acme", "leaves")
    line.add_mail(leaves)
    line.add_mail(stays)
    line.remove_mail(leaves)
    line.remove_mail(leaves)
    assert served(line) == ["stays"]


async def test_mails_that_waited_too_long_fail_whatever_their_turn() -> None:
    line = WaitingLine("exchange", 0.0)
    mails = [waiting("large", "a"), waiting("large", "b"), waiting("small", "1")]
    for mail in mails:
        line.add_mail(mail)
    line.limit_waits(asyncio.get_running_loop())
    for mail in mails:
        with pytest.raises(NoConnectionFree):
            await mail.result
    assert served(line) == []
