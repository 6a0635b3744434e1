"""Proof that server and client agree on where they are, and what is held back until it is given.

What follows a mail that was cut passes for answers, and the sender of a mail can write what looks like one.
But he cannot know the uid that the server gives to it: so the server is asked for that.
"""

from __future__ import annotations

from typing import TypeAlias

from shared.model.mailbox import Listed, MailEnded, MailRefused, MailWhole, RetrieveEvent
from shared.model.source_errors import OutOfStep
from shared.pop3 import commands
from shared.pop3.commands import Command
from shared.pop3.events import Reply

Outcome: TypeAlias = MailWhole | MailEnded | MailRefused


class SyncCheck:
    """The questions about one mail, one after the other until one is answered. `is_asked`: the answer to
    `question` is due.
    """

    def __init__(self, entry: Listed) -> None:
        self.entry = entry
        self._questions: list[tuple[Command, list[str] | None]] = []
        self.is_asked = False
        number = str(entry.number)
        if entry.uid:
            words = [number, entry.uid]
            self._questions.append((commands.recognised(commands.uidl(entry.number), words), words))
        if entry.size:
            words = [number, str(entry.size)]
            self._questions.append((commands.recognised(commands.scan(entry.number), words), words))
        else:
            self._questions.append((commands.NOOP, None))

    @property
    def question(self) -> Command:
        """What to ask now, unless it is refuted."""
        return self._questions[0][0]

    @property
    def is_refuted(self) -> bool:
        """Whether the server was asked everything and proved nothing."""
        return not self._questions

    def is_given_by(self, reply: Reply) -> bool:
        """Whether the reply to `question` proves it; one that was refused is followed by the next."""
        _, expected = self._questions.pop(0)
        self.is_asked = False
        if not reply.ok:
            return False
        if expected is None or reply.text.decode("latin-1").split()[: len(expected)] == expected:
            return True
        self._questions.clear()
        return False


class HandOut:
    """Mails on their way out, in order. One in doubt is held back with all that follow it, until `proof` is
    given; there is a `proof` only while one is in doubt.
    """

    def __init__(self) -> None:
        self.proof: SyncCheck | None = None
        self._held: list[RetrieveEvent] = []

    def release(self, mail: Outcome, events: list[RetrieveEvent]) -> None:
        """Hand out, unless a mail before it is in doubt."""
        (events if self.proof is None else self._held).append(mail)

    def doubt(self, mail: Outcome) -> None:
        """Hold back until the server has proven where its answer ended. No other mail is in doubt."""
        self.proof = SyncCheck(mail.entry)
        self._held.append(mail)

    def doubt_the_last(self, events: list[RetrieveEvent]) -> bool:
        """What follows is no answer: the last mail before it may have been cut, whatever its size, and what
        looks like refusals behind it may be its rest. Returns whether a mail is in doubt then.
        """
        if self.proof is None:
            for place in reversed(range(len(events))):
                last = events[place]
                if isinstance(last, MailWhole | MailEnded):
                    behind = events[place + 1 :]
                    del events[place:]
                    self.doubt(last)
                    self._held += behind
                    break
        return self.proof is not None

    def doubt_what_follows(self, entry: Listed) -> None:
        """Hold back from `entry` on: it is not known whose answer comes next."""
        self.proof = SyncCheck(entry)

    def answered(self, proof: SyncCheck, reply: Reply, events: list[RetrieveEvent]) -> None:
        """The server answered the question of the proof. Raises OutOfStep where it proves nothing at all."""
        if proof.is_given_by(reply):
            events += self._held
            self._held = []
            self.proof = None
        elif proof.is_refuted:
            raise cut_short(proof.entry, "the server does not prove that the next answer is one")


def cut_short(entry: Listed, why: str) -> OutOfStep:
    """The error of a mail for which there is no proof."""
    return OutOfStep(
        f"Mail {entry.number} of {entry.size} octets may have been cut at a line with a dot: {why}",
        entry=entry,
    )
