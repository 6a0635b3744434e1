"""Refusals that say that a transaction has too many recipients."""

from __future__ import annotations

import pytest

from shared.smtp.reply import Reply, may_mean_too_many_recipients, says_too_many_recipients


def reply(text: str) -> Reply:
    return Reply(int(text[:3]), (text[4:].encode(),))


@pytest.mark.parametrize(
    "said",
    [
        "452 4.5.3 Error: too many recipients",
        "452 4.5.3 Your message has too many recipients",
        "452 too many recipients",
        "552 too many recipients",
        "550 5.5.3 Recipient list refused",
        "550 5.5.3",
        "550 Too many recipients",
        "550 5.1.0 Too many recipients",
        "554 Too many recipients specified",
        "554 5.7.1 Too many recipients in this message",
        "451 Too many RCPT TO",
        "421 4.5.3 Too many recipients, closing",
        "550 5.7.1 The number of recipients exceeds what is allowed",
        "550 5.7.0 Maximum of 50 recipients exceeded",
        "554 5.5.0 recipients limit reached exceeded",
        "550 This mail exceeds the maximum number of recipients",
    ],
)
def test_a_refusal_of_the_number_is_known_by_its_words_or_its_enhanced_code(said: str) -> None:
    assert says_too_many_recipients(reply(said))


@pytest.mark.parametrize(
    "said",
    [
        "250 2.1.5 Not too many recipients",
        "550 5.1.1 User unknown",
        "550 Too many unknown recipients",
        "550 5.7.1 Too many bad recipients",
        "452 4.2.2 Recipient's mailbox exceeds its limit",
        "552 5.2.2 Recipient storage limit exceeded",
        "452 4.3.1 Insufficient system storage",
        "421 Too many connections",
        "452 Too much mail",
        "550 5.7.1 recipient over quota",
    ],
)
def test_other_refusals_say_nothing_of_the_number(said: str) -> None:
    assert not says_too_many_recipients(reply(said))


def test_a_local_refusal_is_no_reply_of_the_target() -> None:
    assert not says_too_many_recipients(Reply(550, (b"5.5.3 too many recipients",), local=True))


@pytest.mark.parametrize(
    ("said", "may"), [("452 no", True), ("552 no", True), ("452 4.2.2 full", False), ("450 no", False)]
)
def test_a_bare_452_or_552_may_mean_the_number(said: str, may: bool) -> None:
    assert may_mean_too_many_recipients(reply(said)) == may
