"""Questions about recipients over one kept connection to a target: MAIL, RCPT, RSET for each.

Each is asked about in a transaction of its own: there are targets that take a mail with the null sender for
one recipient only, as bounces have no more, and refuse the next as if he did not exist. Servers also count
refused recipients against who asks and hang up after some (Postfix after 20, and after 10 it answers slowly),
so a connection with refusals is given up for a fresh one in time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.smtp.client import SmtpClient
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import SmtpError

NULL_SENDER = ""
MOST_REFUSED = 8
IDLE = 20.0

Connect = Callable[[], Awaitable[SmtpClient]]


class NoAnswer(SmtpError):
    """The target does not answer questions about recipients for the time being."""


class Questions:
    """Asks one question after the other, never two at once; `connect` reaches the target."""

    def __init__(self, connect: Connect, clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._client: SmtpClient | None = None
        self._used_at = 0.0
        self._refused = 0

    async def answers(self, addresses: Sequence[str]) -> AsyncIterator[RecipientReply]:
        """The reply to each of `addresses`, as they come.

        Raises what connecting raises, `ConnectionLost`, and `NoAnswer` where the target refuses us, and not a
        recipient.
        """
        for address in addresses:
            answer = await self._answer(address)
            if answer.reply.code == 421 or (answer.phase is Phase.MAIL and not answer.reply.positive):
                raise NoAnswer(f"the target said {answer.reply.text}")
            yield answer

    @property
    def is_idle(self) -> bool:
        """Whether a connection is kept that nobody has used for a while."""
        return self._client is not None and self._clock.monotonic() - self._used_at > IDLE

    async def close(self) -> None:
        """Say goodbye to the target; a later question connects again."""
        client, self._client = self._client, None
        if client is not None:
            await client.quit()

    async def _answer(self, address: str) -> RecipientReply:
        """A kept connection may have been closed while nobody looked: then over a fresh one."""
        kept = await self._kept()
        if kept is not None:
            try:
                return await self._asked(kept, address)
            except MailferryError:
                self._client = None
        self._refused = 0
        return await self._asked(await self._connect(), address)

    async def _kept(self) -> SmtpClient | None:
        client = self._client
        if client is None or (client.usable and self._refused < MOST_REFUSED and not self.is_idle):
            return client
        await self.close()
        return None

    async def _asked(self, client: SmtpClient, address: str) -> RecipientReply:
        """Whatever breaks the dialogue off, its connection is not used again."""
        self._client = None
        try:
            [answer] = await client.ask_about(NULL_SENDER, [address])
        except BaseException:
            client.abort()
            raise
        self._client = client
        self._used_at = self._clock.monotonic()
        self._refused += not answer.reply.positive
        return answer
