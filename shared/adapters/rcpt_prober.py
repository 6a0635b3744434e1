"""Ask a target about recipients over one kept connection: MAIL, RCPT and RSET for each.

Each recipient has a transaction of its own. Some targets accept only one recipient for the null sender, as
bounces have only one, and refuse a second as if it did not exist.

Servers count refused recipients per connection and hang up after some (Postfix after 20; after 10 it answers
slowly). So a connection is replaced after a few refusals.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from shared.model.errors import MailferryError
from shared.ports.clock import Clock
from shared.smtp.client import SmtpClient
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import SmtpError

NULL_SENDER = ""
REFUSALS_PER_CONNECTION = 8
"""Fewer than the 10 after which Postfix answers slowly."""
IDLE_SECONDS = 20.0

Connect = Callable[[], Awaitable[SmtpClient]]


class ProbingRefused(SmtpError):
    """The target does not answer questions about recipients for the time being."""


class RcptProber:
    """Asks one question after the other, never two at once. `connect` reaches the target."""

    def __init__(self, connect: Connect, clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._client: SmtpClient | None = None
        self._used_at = 0.0
        self._refusals = 0

    async def ask_about(self, addresses: Sequence[str]) -> AsyncIterator[RecipientReply]:
        """Yield the reply to each address, as they come.

        Raises what connecting raises, `ConnectionLost`, and `ProbingRefused` where the target refuses us
        rather than a recipient.
        """
        for address in addresses:
            answer = await self._ask(address)
            if answer.reply.code == 421 or (answer.phase is Phase.MAIL and not answer.reply.positive):
                raise ProbingRefused(f"the target said {answer.reply.text}")
            yield answer

    @property
    def is_idle(self) -> bool:
        """Whether there is a connection that was not used for `IDLE_SECONDS`."""
        return self._client is not None and self._clock.monotonic() - self._used_at > IDLE_SECONDS

    async def close(self) -> None:
        """Close the connection. A later question connects again."""
        client, self._client = self._client, None
        if client is not None:
            await client.quit()

    async def _ask(self, address: str) -> RecipientReply:
        """Ask over the kept connection. The target may have closed it meanwhile; then over a new one."""
        kept = await self._usable_client()
        if kept is not None:
            try:
                return await self._ask_over(kept, address)
            except MailferryError:
                self._client = None
        self._refusals = 0
        return await self._ask_over(await self._connect(), address)

    async def _usable_client(self) -> SmtpClient | None:
        client = self._client
        if client is None or (
            client.usable and self._refusals < REFUSALS_PER_CONNECTION and not self.is_idle
        ):
            return client
        await self.close()
        return None

    async def _ask_over(self, client: SmtpClient, address: str) -> RecipientReply:
        """Ask over this connection, which is not used again after any failure."""
        self._client = None
        try:
            [answer] = await client.ask_about(NULL_SENDER, [address])
        except BaseException:
            client.abort()
            raise
        self._client = client
        self._used_at = self._clock.monotonic()
        self._refusals += not answer.reply.positive
        return answer
