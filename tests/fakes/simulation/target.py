"""A simulated target that answers as the test says, and counts what it accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

from services.relay.delivery.transport import Content
from services.relay.targets.target_queue import TargetQueues
from shared.ports.clock import Clock
from shared.smtp.envelope import Envelope, Phase, RecipientReply
from shared.smtp.errors import ConnectionLost
from shared.smtp.reply import Reply
from tests.fakes.simulation.process import Outcome, Process
from tests.fakes.tagged import lf, tag_of, untraced


class Answer(Enum):
    """The target's reply for a recipient."""

    ACCEPTS = Reply(250, (b"2.0.0 Taken",))
    DEFERS = Reply(451, (b"4.3.0 Not now",))
    REJECTS = Reply(554, (b"5.7.1 Not here",))
    UNKNOWN = Reply(550, (b"5.1.1 No such user",))


class SimulatedTarget:
    """Accepts everything unless `answers` say otherwise.

    `accepted` counts copies by tag and recipient. `unknown` has the recipients that it ever rejected as
    unknown. `damaged` has the tags of mails that did not arrive as they were sent.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.accepted: Counter[tuple[str, str]] = Counter()
        self.unknown: set[tuple[str, str]] = set()
        self.originals: dict[str, bytes] = {}
        self.damaged: list[str] = []

    def answer(self, destination: str, content: bytes) -> RecipientReply:
        answer = self.answers.get(destination, Answer.ACCEPTS)
        tag = tag_of(content)
        if answer is Answer.UNKNOWN:
            self.unknown.add((tag, destination))
        if answer is not Answer.ACCEPTS:
            return RecipientReply(destination, answer.value, Phase.RCPT)
        self.accepted[(tag, destination)] += 1
        if untraced(content) != lf(self.originals[tag]):
            self.damaged.append(tag)
        return RecipientReply(destination, answer.value, Phase.CONTENT)


class ProcessTargetQueues(TargetQueues):
    """The target as one process reaches it."""

    def __init__(self, target: SimulatedTarget, process: Process, clock: Clock) -> None:
        super().__init__({}, helo_name="ferry.corp.example", capacity=1, clock=clock)
        self._target = target
        self._process = process

    async def send(self, target: str, envelope: Envelope, content: Content) -> Sequence[RecipientReply]:
        outcome = await self._process.turn(f"send to {', '.join(envelope.recipients)}")
        if outcome is Outcome.FAILS:
            raise ConnectionLost("the target went away")
        whole = content if isinstance(content, bytes) else b"".join([piece async for piece in content])
        replies = [self._target.answer(each, whole) for each in envelope.recipients]
        if outcome is Outcome.ANSWER_LOST and any(each.reply.positive for each in replies):
            raise ConnectionLost("the target went away", content_begun=True, after_content=True)
        return replies
