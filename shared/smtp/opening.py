"""The opening of a session: greeting, EHLO, STARTTLS, login, in this order and no other.

Promises: `Tls.REQUIRED` never goes on in clear, nor with a server that it cannot verify; `Tls.WANTED` goes on
without verifying where the certificate is not trusted, and in clear where STARTTLS is not offered or fails,
each on a fresh connection if STARTTLS broke the first, and says so; a password is sent in clear only where
the endpoint says `Tls.OFF` (or is a local socket), never because TLS happened to fail; what was learnt in
clear is forgotten once TLS is up (RFC 3207, section 4.2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.net.connection import Connection
from shared.net.dial import dial
from shared.net.errors import TlsFailed
from shared.net.protection import UNTRUSTED, in_clear, unverified
from shared.net.wrong_port import LMTP, SMTP, explained, likely_mistake
from shared.smtp.commands import STARTTLS, Command, ehlo, helo, lhlo
from shared.smtp.confidential import SHORTEST, Confidential
from shared.smtp.dialogue import Dialogue
from shared.smtp.errors import (
    CertificateUntrusted,
    ConnectionLost,
    LoginImpossible,
    ProtocolViolation,
    SessionRefused,
    TlsUnavailable,
    WrongService,
)
from shared.smtp.login import Credentials, log_in, secrets_of
from shared.smtp.reply import Reply
from shared.smtp.stream import Stream
from shared.smtp.timeouts import Timeouts

Dialer = Callable[[Endpoint], Awaitable[Stream]]


async def open_session(
    endpoint: Endpoint,
    *,
    helo_name: str,
    credentials: Credentials | None,
    timeouts: Timeouts,
    dialer: Dialer | None,
    lmtp: bool = False,
) -> Dialogue:
    """A dialogue in the state READY. Raises what `client.connect` says."""
    opening = Opening(endpoint, helo_name, credentials, timeouts, dialer or network(timeouts), lmtp=lmtp)
    if endpoint.tls is not Tls.WANTED:
        return await opening.attempt(endpoint.tls)
    try:
        return await _verified_or_not(opening, endpoint)
    except TlsUnavailable as error:
        dialogue = await opening.attempt(Tls.OFF)
        dialogue.shortfall = in_clear(endpoint, str(error))
        return dialogue


async def _verified_or_not(opening: Opening, endpoint: Endpoint) -> Dialogue:
    """With TLS if it is offered; without verifying the server where its certificate is not trusted."""
    reason = UNTRUSTED.reason(endpoint)
    if reason is None:
        try:
            return await opening.attempt(Tls.WANTED)
        except CertificateUntrusted as error:
            reason = error.reason
            UNTRUSTED.note(endpoint, reason)
    dialogue = await opening.attempt(Tls.WANTED, verify=False)
    dialogue.shortfall = dialogue.shortfall or unverified(endpoint, reason)
    return dialogue


def network(timeouts: Timeouts) -> Dialer:
    """The dialer for the real world."""

    return partial(dial_target, timeouts=timeouts)


async def dial_target(endpoint: Endpoint, timeouts: Timeouts) -> Connection:
    """A connection to a target."""
    try:
        return await dial(
            endpoint,
            connect_timeout=timeouts.connect,
            inactivity_timeout=timeouts.greeting,
            fault=Fault.TARGET,
        )
    except TlsFailed as error:
        raise await explained(error, SMTP, endpoint) from error


class Opening:
    """One endpoint to be opened, with all that is needed for it."""

    def __init__(
        self,
        endpoint: Endpoint,
        helo_name: str,
        credentials: Credentials | None,
        timeouts: Timeouts,
        dialer: Dialer,
        *,
        lmtp: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._timeouts = timeouts
        self._dialer = dialer
        self._lmtp = lmtp
        self._ehlo = lhlo(helo_name) if lmtp else ehlo(helo_name)
        self._helo = helo(helo_name)

    async def attempt(self, tls: Tls, *, verify: bool = True) -> Dialogue:
        """One connection, opened with `tls`; `verify`: as the endpoint says."""
        endpoint = self._endpoint if verify else replace(self._endpoint, verify=False)
        stream = await self._dialer(endpoint)
        dialogue = Dialogue(stream, endpoint, self._timeouts, lmtp=self._lmtp)
        if self._credentials is not None:
            confidential = Confidential(secrets_of(self._credentials), shortest=SHORTEST)
            dialogue.protocol.keep_to_itself(confidential)
        try:
            await self._be_greeted(dialogue)
            await self._hello(dialogue)
            if tls in {Tls.WANTED, Tls.REQUIRED}:
                await self._secure(dialogue, required=tls is Tls.REQUIRED)
            if self._credentials is not None:
                await self._log_in(dialogue, self._credentials)
        except BaseException:
            dialogue.abort()
            raise
        return dialogue

    async def _be_greeted(self, dialogue: Dialogue) -> None:
        try:
            reply = (await dialogue.answers())[0].reply
        except ConnectionLost as error:
            raise self._not_greeted(error) from error
        if not reply.positive:
            raise self._refused("does not accept connections", reply)

    async def _hello(self, dialogue: Dialogue) -> None:
        reply = await self._ask(dialogue, self._ehlo)
        if reply.severity == 5 and not self._lmtp:
            reply = await self._ask(dialogue, self._helo)
        if not reply.positive:
            raise self._refused(f"does not accept our {self._ehlo.verb}", reply)
        dialogue.hello = self._ehlo

    async def _secure(self, dialogue: Dialogue, *, required: bool) -> None:
        if not dialogue.protocol.extensions.starttls:
            if required:
                raise TlsUnavailable(f"TLS is required, and {self._endpoint} does not offer STARTTLS.")
            dialogue.shortfall = in_clear(self._endpoint, f"{self._endpoint} does not offer STARTTLS.")
            return
        try:
            reply = await self._ask(dialogue, STARTTLS)
            if reply.positive:
                await dialogue.start_tls()
                await self._hello(dialogue)
                return
        except ConnectionLost as error:
            raise TlsUnavailable(f"STARTTLS with {self._endpoint} failed: {error}") from error
        refused = f"{self._endpoint} refused STARTTLS: {reply.text}."
        if required or not dialogue.usable:
            raise TlsUnavailable(refused)
        dialogue.shortfall = in_clear(self._endpoint, refused)

    async def _log_in(self, dialogue: Dialogue, credentials: Credentials) -> None:
        in_clear = not dialogue.is_tls
        if in_clear and self._endpoint.tls is not Tls.OFF and self._endpoint.unix_path is None:
            raise LoginImpossible(
                f"TLS with {self._endpoint} did not come about, and the password is not sent without it.",
                temporary=True,
            )
        dialogue.log_in = partial(log_in, dialogue, credentials)
        await dialogue.log_in()

    async def _ask(self, dialogue: Dialogue, command: Command) -> Reply:
        return (await dialogue.ask([command]))[0].reply

    def _not_greeted(self, error: ConnectionLost) -> ConnectionLost:
        """The error, with the likely mistake where it seems to be one of the configuration."""
        cause = error.__cause__
        said = cause.said if isinstance(cause, ProtocolViolation) else b""
        wanted = LMTP if self._lmtp else SMTP
        mistake = likely_mistake(wanted, self._endpoint, said)
        if not (said or mistake):
            return error
        return WrongService(f"{self._endpoint} does not greet as {wanted} does: {error} {mistake}".rstrip())

    def _refused(self, what: str, reply: Reply) -> SessionRefused:
        return SessionRefused(f"{self._endpoint} {what}: {reply.text}.", reply)
