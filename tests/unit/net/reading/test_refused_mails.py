from __future__ import annotations

from shared.model.mailbox import Listed, MailRefused
from shared.model.source_errors import LoginTooSoon, MailboxLocked, SourceBusy, SourceRefused
from shared.net.reading.refused_mails import RefusedMails, Requests

BUSY = [MailRefused(Listed(f"u{n}", n, 10), SourceBusy(f"later {n}")) for n in range(1, 5)]


class Asked(Requests):
    """Notes what was to be requested."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def stop_asking(self) -> None:
        self.calls.append("stop")

    def ask_for_samples(self) -> None:
        self.calls.append("samples")

    def resume_asking(self) -> None:
        self.calls.append("resume")


def test_a_refusal_with_other_words_is_about_the_mail() -> None:
    asked = Asked()
    refused = RefusedMails(asked)
    assert not refused.is_kept(MailRefused(BUSY[0].entry, SourceRefused("broken")))
    assert refused.busy is None
    assert asked.calls == []


def test_the_mail_behind_a_single_refusal_shows_that_it_was_about_the_mail() -> None:
    asked = Asked()
    refused = RefusedMails(asked)
    assert refused.is_kept(BUSY[0])
    assert refused.take_mail() == [BUSY[0]]
    assert refused.busy is None
    assert refused.still_unexplained() == []
    assert asked.calls == ["resume"]


def test_two_refusals_are_followed_by_samples_and_a_mail_among_them_goes_on() -> None:
    asked = Asked()
    refused = RefusedMails(asked)
    assert refused.is_kept(BUSY[0])
    assert refused.is_kept(BUSY[1])
    assert refused.is_kept(BUSY[2])
    assert asked.calls == ["samples"]
    assert refused.take_mail() == BUSY[:3]
    assert asked.calls == ["samples", "resume"]


def test_where_no_mail_comes_the_server_serves_none_for_now() -> None:
    refused = RefusedMails(Asked())
    assert refused.is_kept(BUSY[0])
    assert refused.busy is BUSY[0].error
    assert [each.of_all for each in refused.still_unexplained()] == [True]


def test_a_last_refusal_behind_mails_is_about_the_mail() -> None:
    refused = RefusedMails(Asked(), serves=True)
    assert refused.is_kept(BUSY[0])
    assert refused.busy is None
    assert [each.of_all for each in refused.still_unexplained()] == [False]


def test_a_mailbox_that_is_refused_is_left_alone_even_if_a_mail_still_comes() -> None:
    for error in (MailboxLocked("x"), LoginTooSoon("x"), SourceBusy("x", retry_after=5.0)):
        asked = Asked()
        refused = RefusedMails(asked)
        assert refused.is_kept(MailRefused(BUSY[0].entry, error))
        assert list(refused.take_mail()) == []
        assert refused.busy is error
        assert asked.calls == ["stop"]
