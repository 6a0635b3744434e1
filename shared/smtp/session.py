"""An SMTP session: how we introduced ourselves and logged in, and the client that was reported by XCLIENT.

Postfix' XCLIENT restarts the session: what was said in it, a login included, is forgotten (XCLIENT_README).
It cannot be taken back. So the session of a reported client is no use for a mail that has another client, or
none, and cannot be reported itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

from shared.net.protection import Shortfall
from shared.smtp.commands import RSET, Command
from shared.smtp.connection import State
from shared.smtp.dialogue import Dialogue
from shared.smtp.errors import ConnectionLost
from shared.smtp.reply import Reply


class SmtpSession:
    """The session of `dialogue`, made by `open_session`.

    `hello`: our EHLO or LHLO. `log_in` logs in as at the beginning; None: without a login. `shortfall`: what
    the connection lacks of the TLS that was wanted. `client_reported`: the server takes us for somebody else.
    """

    def __init__(self, dialogue: Dialogue) -> None:
        self.dialogue = dialogue
        self.hello: Command | None = None
        self.log_in: Callable[[], Awaitable[None]] | None = None
        self.shortfall: Shortfall | None = None
        self.client_reported = False

    async def report_client(self, xclient: Command) -> Reply | None:
        """Restart the session as that of a mail's client; return the refusal if it is one of the mail.

        It is one if the server closed the connection or does not greet this client. An XCLIENT that is
        refused otherwise changes nothing. Raises what `log_in` raises, and closes the connection, as the
        mail must not go without the login. Raises `ConnectionLost` if the session stays that of another
        client.
        """
        dialogue = self.dialogue
        if dialogue.protocol.state is State.ENVELOPE:
            reply = await dialogue.exchange_one(RSET)
            if not dialogue.open:
                return reply
        reply = await dialogue.exchange_one(xclient)
        if not reply.positive:
            if dialogue.open and self.client_reported:
                await self.end_for_another_client()
            return None if dialogue.open else reply
        self.client_reported = True
        assert self.hello is not None, "a session that accepts mails began with one"
        reply = await dialogue.exchange_one(self.hello)
        if not reply.positive:
            return reply
        if self.log_in is not None and dialogue.protocol.extensions.auth:
            try:
                await self.log_in()
            except BaseException:
                dialogue.abort()
                raise
        return None

    async def end_for_another_client(self) -> NoReturn:
        """End the session of a reported client before anything of a mail without it was said."""
        await self.dialogue.quit()
        raise ConnectionLost("The session was that of another mail's client, and another one is needed.")
