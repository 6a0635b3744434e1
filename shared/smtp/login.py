"""Login by AUTH (RFC 4954).

Credentials, and what a SASL mechanism makes of them, appear in no error, even if the server repeats them in
one piece or in several. They are masked in the refusal of the login and in all later refusals of the session.
What is no reply to a login is not shown at all.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.model.errors import quoted
from shared.model.masking import Masker
from shared.net.errors import NetworkError
from shared.net.sasl import Mechanism, SaslError, mechanism
from shared.smtp.commands import Command, auth, auth_response
from shared.smtp.dialogue import Dialogue
from shared.smtp.errors import ConnectionLost, LoginImpossible, LoginRefused
from shared.smtp.reply import Reply
from shared.smtp.reply_masking import SHORTEST_SECRET, ReplyMasker

# No second mechanism is tried after a refusal. So within TLS the first is one that every server can check:
# servers announce the others even if they have stored passwords in a form that does not allow them.
WITHIN_TLS = ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5")
IN_CLEAR = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
MAX_CHALLENGES = 10


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and password; for XOAUTH2 the password is a token.

    `mechanisms` in the order of preference; () for those that suit the connection.
    """

    username: str
    password: str = field(repr=False)
    mechanisms: tuple[str, ...] = ()


def secrets_of(credentials: Credentials) -> Sequence[bytes]:
    """Return what has to be masked: the password, and the PLAIN response made of it."""
    user, password = credentials.username.encode("utf-8"), credentials.password.encode("utf-8")
    return (password, b"\0" + user + b"\0" + password) if password else ()


def masker_of(credentials: Credentials | None) -> Masker:
    """Return a masker for the credentials; it masks nothing if there is no login."""
    if credentials is None:
        return Masker()
    return Masker(secrets_of(credentials), username=credentials.username.encode("utf-8"))


async def log_in(dialogue: Dialogue, credentials: Credentials) -> None:
    """Log in by the first of our mechanisms that the server offers; a refusal is final.

    Raises `LoginImpossible`, `LoginRefused`, `SaslError` or `ConnectionLost`.
    """
    offered = dialogue.protocol.extensions.auth
    wanted = credentials.mechanisms or (WITHIN_TLS if dialogue.is_tls else IN_CLEAR)
    name = next((name for name in wanted if name.upper() in offered), None)
    if name is None:
        raise LoginImpossible(
            f"The server offers no login by {' or '.join(wanted)}; it offers "
            f"{', '.join(offered) or 'none at all'}."
        )
    chosen = mechanism(name, credentials.username, credentials.password, dialogue.peer)
    sent, reply = await _exchange(dialogue, chosen)
    username = credentials.username.encode("utf-8")
    secrets = [*secrets_of(credentials), *(each for each in sent if each != username)]
    if not reply.positive:
        masker = ReplyMasker(secrets)
        shown = masker.mask_reply(reply)
        why = quoted(masker.mask_text(chosen.complaint.encode("utf-8", "replace")))
        because = f" ({why})" if why else ""
        raise LoginRefused(f"The server refused the login by {name}{because}: {shown.text}.", shown)
    dialogue.protocol.mask_secrets(ReplyMasker(secrets, shortest=SHORTEST_SECRET))
    chosen.finish()


async def _exchange(dialogue: Dialogue, chosen: Mechanism) -> tuple[list[bytes], Reply]:
    """Return the responses that were sent, and the server's final reply."""
    initial = chosen.initial()
    sent = [initial] if initial else []
    reply = await _exchange_one(dialogue, chosen, auth(chosen.name, initial))
    while reply.severity == 3:
        if len(sent) > MAX_CHALLENGES:
            raise SaslError(f"The server keeps asking after {MAX_CHALLENGES} answers to {chosen.name}.")
        sent.append(chosen.respond(_challenge(reply)))
        reply = await _exchange_one(dialogue, chosen, auth_response(sent[-1]))
    return sent, reply


async def _exchange_one(dialogue: Dialogue, chosen: Mechanism, command: Command) -> Reply:
    try:
        return await dialogue.exchange_one(command)
    except ConnectionLost as error:
        if isinstance(error.__cause__, NetworkError):
            raise
    raise ConnectionLost(
        f"During the login by {chosen.name} the server hung up, or sent something that is no reply to it."
    )


def _challenge(reply: Reply) -> bytes:
    try:
        return base64.b64decode(reply.lines[0], validate=True)
    except binascii.Error:
        raise SaslError("The server sent a challenge that is not base64.") from None
