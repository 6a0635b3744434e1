"""Introducing the client of a mail by Postfix' XCLIENT, which begins the session anew: what was said in it, a
login included, is forgotten there (XCLIENT_README).

Nobody can take an introduction back. So a session with one is none for a mail that has another client, or
none, and cannot be introduced itself.
"""

from __future__ import annotations

from typing import NoReturn

from shared.smtp.commands import RSET, Command
from shared.smtp.dialogue import Dialogue
from shared.smtp.errors import ConnectionLost
from shared.smtp.reply import Reply
from shared.smtp.state import State


async def introduce(dialogue: Dialogue, client: Command) -> Reply | None:
    """Say the XCLIENT, and greet and log in again. A reply is a refusal that holds for the mail: the server
    left, or does not greet this client. An XCLIENT that is refused otherwise changes nothing.

    Raises what `log_in` does; without the login the connection would be another one, so it is closed then.
    Raises `ConnectionLost` where the session stays that of another client.
    """
    if dialogue.protocol.state is State.ENVELOPE:
        reply = await _answer(dialogue, RSET)
        if not dialogue.open:
            return reply
    reply = await _answer(dialogue, client)
    if not reply.positive:
        if dialogue.open and dialogue.introduced:
            await part(dialogue)
        return None if dialogue.open else reply
    dialogue.introduced = True
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


async def part(dialogue: Dialogue) -> NoReturn:
    """End the session of another client, in which nothing of the mail was said."""
    await dialogue.leave()
    raise ConnectionLost("The session was that of another mail's client, and another one is needed.")


async def _answer(dialogue: Dialogue, command: Command) -> Reply:
    return (await dialogue.ask([command]))[0].reply
