from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.smtp.commands import Verb
from shared.smtp.connection import Answer
from shared.smtp.envelope import Envelope, Phase
from shared.smtp.reply import Reply
from shared.smtp.transaction import Terms, Transaction

OK = Reply(250, (b"OK",))
GO = Reply(354, (b"go",))
NO = Reply(550, (b"5.1.1 no",))
LATER = Reply(451, (b"4.7.1 later",))
GOODBYE = Reply(421, (b"4.3.2 bye",))


def transaction(*recipients: str, reverse_path: str = "alice@example.org") -> Transaction:
    return Transaction(Envelope(reverse_path, recipients), Terms())


def outcome(subject: Transaction, *answers: tuple[Verb, Reply]) -> list[tuple[str, int, Phase]]:
    for verb, reply in answers:
        subject.record_answers([Answer(verb, reply)])
    return [(each.recipient, each.reply.code, each.phase) for each in subject.outcome]


def test_the_commands_are_sender_recipients_and_data() -> None:
    verbs = [command.verb for command in transaction("a@x", "b@x").commands]
    assert verbs == [Verb.MAIL, Verb.RCPT, Verb.RCPT, Verb.DATA]


def test_the_reply_to_the_content_counts_for_all_accepted_recipients() -> None:
    answers = [(Verb.MAIL, OK), (Verb.RCPT, OK), (Verb.RCPT, OK), (Verb.DATA, GO), (Verb.CONTENT, OK)]
    assert outcome(transaction("a@x", "b@x"), *answers) == [
        ("a@x", 250, Phase.CONTENT),
        ("b@x", 250, Phase.CONTENT),
    ]


def test_recipients_are_decided_one_by_one() -> None:
    subject = transaction("a@x", "b@x", "c@x")
    answers = [(Verb.MAIL, OK), (Verb.RCPT, OK), (Verb.RCPT, NO), (Verb.RCPT, LATER), (Verb.DATA, GO)]
    outcome(subject, *answers)
    assert subject.undecided == 1
    assert outcome(subject, (Verb.CONTENT, OK)) == [
        ("a@x", 250, Phase.CONTENT),
        ("b@x", 550, Phase.RCPT),
        ("c@x", 451, Phase.RCPT),
    ]


def test_a_refused_sender_decides_about_all() -> None:
    answers = [(Verb.MAIL, LATER), (Verb.RCPT, NO), (Verb.DATA, NO)]
    assert outcome(transaction("a@x", "b@x"), *answers) == [
        ("a@x", 451, Phase.MAIL),
        ("b@x", 451, Phase.MAIL),
    ]


def test_refused_content_leaves_earlier_refusals_as_they_were() -> None:
    answers = [(Verb.MAIL, OK), (Verb.RCPT, NO), (Verb.RCPT, OK), (Verb.DATA, GO), (Verb.CONTENT, LATER)]
    assert outcome(transaction("a@x", "b@x"), *answers) == [
        ("a@x", 550, Phase.RCPT),
        ("b@x", 451, Phase.CONTENT),
    ]


def test_refused_data_decides_about_the_accepted() -> None:
    answers = [(Verb.MAIL, OK), (Verb.RCPT, OK), (Verb.RCPT, NO), (Verb.DATA, LATER)]
    assert outcome(transaction("a@x", "b@x"), *answers) == [
        ("a@x", 451, Phase.DATA),
        ("b@x", 550, Phase.RCPT),
    ]


def test_a_421_decides_about_all_undecided_recipients() -> None:
    answers = [(Verb.MAIL, OK), (Verb.RCPT, NO), (Verb.RCPT, GOODBYE)]
    assert outcome(transaction("a@x", "b@x", "c@x"), *answers) == [
        ("a@x", 550, Phase.RCPT),
        ("b@x", 421, Phase.RCPT),
        ("c@x", 421, Phase.RCPT),
    ]


def test_a_recipient_that_cannot_be_written_leaves_the_others_alone() -> None:
    subject = transaction("a@x", "b\n@x", "c@x")
    assert len(subject.commands) == 4
    answers = [(Verb.MAIL, OK), (Verb.RCPT, LATER), (Verb.RCPT, OK), (Verb.DATA, GO), (Verb.CONTENT, OK)]
    assert outcome(subject, *answers) == [
        ("a@x", 451, Phase.RCPT),
        ("b\n@x", 553, Phase.RCPT),
        ("c@x", 250, Phase.CONTENT),
    ]
    assert subject.outcome[1].reply.local
    assert not subject.outcome[0].reply.local


def test_nothing_is_sent_if_no_recipient_can_be_written() -> None:
    subject = transaction("", "b\n@x")
    assert not subject.commands
    assert not subject.undecided


def test_nothing_is_sent_if_the_sender_cannot_be_written() -> None:
    subject = transaction("a@x", reverse_path="al ice@example.org")
    assert not subject.commands
    assert outcome(subject) == [("a@x", 553, Phase.MAIL)]


def test_the_same_recipient_twice_has_two_replies() -> None:
    answers = [(Verb.MAIL, OK), (Verb.RCPT, OK), (Verb.RCPT, NO), (Verb.DATA, GO), (Verb.CONTENT, OK)]
    assert outcome(transaction("a@x", "a@x"), *answers) == [
        ("a@x", 250, Phase.CONTENT),
        ("a@x", 550, Phase.RCPT),
    ]


replies = st.sampled_from([OK, NO, LATER, GOODBYE])


@given(replies, st.lists(replies, min_size=1, max_size=5), st.sampled_from([GO, NO, LATER]), replies)
def test_whatever_is_answered_every_recipient_ends_with_one_reply(
    mail: Reply, rcpt: list[Reply], data: Reply, content: Reply
) -> None:
    recipients = [f"{position}@x" for position in range(len(rcpt))]
    subject = transaction(*recipients)
    answers = [
        (Verb.MAIL, mail),
        *((Verb.RCPT, each) for each in rcpt),
        (Verb.DATA, data),
        (Verb.CONTENT, content),
    ]
    decided = outcome(subject, *answers)
    assert [recipient for recipient, _, _ in decided] == recipients
    assert subject.undecided == 0
    delivered = [recipient for recipient, code, phase in decided if code < 400]
    clean = mail is OK and data is GO and content is OK and GOODBYE not in rcpt
    assert delivered == [r for r, each in zip(recipients, rcpt, strict=True) if clean and each is OK]
