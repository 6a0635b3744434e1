"""The target: it answers as the test wants, and remembers what it accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

from services.relay.targets.target_pools import TargetPools
from shared.ports.clock import Clock
from shared.smtp.envelope import Content, Envelope, Phase, RecipientReply
from shared.smtp.errors import ConnectionLost
from shared.smtp.reply import Reply
from tests.fakes.tagged import lf, tag_of, untraced
from tests.fakes.world.process import EffectFault, Process


class Mood(Enum):
    """What the target replies for a recipient."""

    TAKES = Reply(250, (b"2.0.0 Taken",))
    LATER = Reply(451, (b"4.3.0 Not now",))
    REFUSES = Reply(554, (b"5.7.1 Not here",))
    UNKNOWN = Reply(550, (b"5.1.1 No such user",))


class PlayedTarget:
    """Accepts everything unless `moods` say otherwise.

    `taken` counts copies by tag and recipient. `unknown` has the recipients that it ever refused as unknown.
    `damaged` has mails that did not arrive as they were sent.
    """

    def __init__(self) -> None:
        self.moods: dict[str, Mood] = {}
        self.taken: Counter[tuple[str, str]] = Counter()
        self.unknown: set[tuple[str, str]] = set()
        self.originals: dict[str, bytes] = {}
        self.damaged: list[str] = []

    def answer(self, destination: str, content: bytes) -> RecipientReply:
        mood = self.moods.get(destination, Mood.TAKES)
        tag = tag_of(content)
        if mood is Mood.UNKNOWN:
            self.unknown.add((tag, destination))
        if mood is not Mood.TAKES:
            return RecipientReply(destination, mood.value, Phase.RCPT)
        self.taken[(tag, destination)] += 1
        if untraced(content) != lf(self.originals[tag]):
            self.damaged.append(tag)
        return RecipientReply(destination, mood.value, Phase.CONTENT)


class PoolsInTurn(TargetPools):
    """The connections of one process to the target."""

    def __init__(self, target: PlayedTarget, process: Process, clock: Clock) -> None:
        super().__init__({}, helo_name="ferry.corp.example", capacity=1, clock=clock)
        self._target = target
        self._process = process

    async def deliver_mail(
        self, target: str, envelope: Envelope, content: Content
    ) -> Sequence[RecipientReply]:
        fault = await self._process.turn(f"send to {', '.join(envelope.recipients)}")
        if fault is EffectFault.FAILS:
            raise ConnectionLost("the target went away")
        whole = content if isinstance(content, bytes) else b"".join([piece async for piece in content])
        replies = [self._target.answer(each, whole) for each in envelope.recipients]
        if fault is EffectFault.UNHEARD and any(each.reply.positive for each in replies):
            raise ConnectionLost("the target went away", content_begun=True, after_content=True)
        return replies
