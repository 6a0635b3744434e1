"""Introducing the client of a mail by Postfix' XCLIENT, which begins the session anew: what was said in it, a
login included, is forgotten there (XCLIENT_README).
"""

from __future__ import annotations

from shared.smtp.commands import RSET, Command
from shared.smtp.dialogue import Dialogue
from shared.smtp.reply import Reply
from shared.smtp.state import State


async def introduce(dialogue: Dialogue, client: Command) -> Reply | None:
    """Say the XCLIENT, and greet and log in again. A reply is a refusal that holds for the mail: the server
    left, or does not greet this client. An XCLIENT that is refused otherwise changes nothing.

    Raises what `log_in` does; without the login the connection would be another one, so it is closed then.
    """
    if dialogue.protocol.state is State.ENVELOPE:
        reply = await _answer(dialogue, RSET)
        if not dialogue.open:
            return reply
    reply = await _answer(dialogue, client)
    if not reply.positive:
        return None if dialogue.open else reply
    assert dialogue.hello is not None, "a session that takes mails began with one"
    reply = await _answer(dialogue, dialogue.hello)
    if not reply.positive:
        return reply
    if dialogue.log_in is not None and dialogue.protocol.extensions.auth:
        try:
            await dialogue.log_in()
        except BaseException:
            dialogue.abort()
            raise
    return None


async def _answer(dialogue: Dialogue, command: Command) -> Reply:
    return (await dialogue.ask([command]))[0].reply
