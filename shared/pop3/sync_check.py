"""Check that the server's answers are still in step with our commands, and hold mails back until they are.

What follows a mail that was cut is taken for answers, and the sender of a mail can write what looks like one.
But the sender cannot know the uid that the server gives to the mail, so the server is asked for that.
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
    """Questions about one mail, asked one after the other until one is answered.

    `is_asked`: the answer to `question` is outstanding.
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
        """The next question; there is none once `is_refuted`."""
        return self._questions[0][0]

    @property
    def is_refuted(self) -> bool:
        """Whether every question was asked, and none was answered as it must be."""
        return not self._questions

    def is_passed_by(self, reply: Reply) -> bool:
        """Return whether the reply to `question` shows that the answers are in step.

        A question that was refused is followed by the next one.
        """
        _, expected = self._questions.pop(0)
        self.is_asked = False
        if not reply.ok:
            return False
        if expected is None or reply.text.decode("latin-1").split()[: len(expected)] == expected:
            return True
        self._questions.clear()
        return False


class Output:
    """Hands mails out in their order.

    A mail in doubt is held back with all that follow it until its `check` has succeeded. There is a `check`
    only while a mail is in doubt.
    """

    def __init__(self) -> None:
        self.check: SyncCheck | None = None
        self._held: list[RetrieveEvent] = []

    def hand_out(self, mail: Outcome, events: list[RetrieveEvent]) -> None:
        """Hand a mail out, unless one before it is in doubt."""
        (events if self.check is None else self._held).append(mail)

    def hold_back(self, mail: Outcome) -> None:
        """Hold a mail back until the check has succeeded. No other mail must be in doubt."""
        self.check = SyncCheck(mail.entry)
        self._held.append(mail)

    def hold_back_last(self, events: list[RetrieveEvent]) -> bool:
        """Hold back the last mail of `events`, and return whether a mail is in doubt then.

        A line that is no answer follows it. So it may have been cut, whatever its size, and what looks like
        refusals behind it may be its rest.
        """
        if self.check is None:
            for place in reversed(range(len(events))):
                last = events[place]
                if isinstance(last, MailWhole | MailEnded):
                    behind = events[place + 1 :]
                    del events[place:]
                    self.hold_back(last)
                    self._held += behind
                    break
        return self.check is not None

    def hold_back_from(self, entry: Listed) -> None:
        """Hold back from `entry` on, as it is not known whose answer comes next."""
        self.check = SyncCheck(entry)

    def take_reply(self, check: SyncCheck, reply: Reply, events: list[RetrieveEvent]) -> None:
        """Take the reply to the question of the check. Raises `OutOfStep` where the check has failed."""
        if check.is_passed_by(reply):
            events += self._held
            self._held = []
            self.check = None
        elif check.is_refuted:
            raise cut_short(check.entry, "the server does not prove that the next answer is one")


def cut_short(entry: Listed, why: str) -> OutOfStep:
    """Return the error of a mail whose check failed."""
    return OutOfStep(
        f"Mail {entry.number} of {entry.size} octets may have been cut at a line with a dot: {why}",
        entry=entry,
    )
