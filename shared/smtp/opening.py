"""Opens a session: connection, greeting, EHLO, STARTTLS and login, in this order and no other.

- `Tls.REQUIRED` never goes on in clear, nor with a server that it cannot verify.
- `Tls.WANTED` goes on without verification if the certificate is not trusted, and in clear if STARTTLS is not
  offered or fails; each on a fresh connection if STARTTLS broke the first. The session says so.
- A password is sent in clear only if the endpoint says `Tls.OFF` or is a local socket, never because TLS
  failed.
- What was announced in clear is forgotten once TLS has begun (RFC 3207, section 4.2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.net.connection import Connection
from shared.net.dial import dial
from shared.net.errors import TlsFailed
from shared.net.protection import UNTRUSTED, in_clear, unverified
from shared.net.wrong_port import LMTP, SMTP, explained, likely_mistake
from shared.smtp.commands import STARTTLS, ehlo, helo, lhlo
from shared.smtp.dialogue import Dialogue, Stream
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
from shared.smtp.reply_masking import SHORTEST_SECRET, ReplyMasker
from shared.smtp.session import SmtpSession
from shared.smtp.timeouts import Timeouts

Dialer = Callable[[Endpoint], Awaitable[Stream]]


async def servers_of(endpoint: Endpoint, timeouts: Timeouts) -> Sequence[Endpoint]:
    """Return the servers of an endpoint in the order in which they are tried: itself, or the mail exchangers
    of its domain.

    Raises `NameLookupFailed`.
    """
    if not endpoint.by_mx:
        return [endpoint]
    from shared.net.mx import exchangers  # noqa: PLC0415 - the DNS library takes 0.1 s, and few need it

    hosts = await exchangers(endpoint.host, seconds=timeouts.connect, fault=Fault.TARGET)
    return [replace(endpoint, host=host, by_mx=False) for host in hosts]


async def open_session(
    endpoint: Endpoint,
    *,
    helo_name: str,
    credentials: Credentials | None,
    timeouts: Timeouts,
    dialer: Dialer | None,
    lmtp: bool = False,
) -> SmtpSession:
    """Return a session in the state READY. Raises what `client.connect` raises."""
    opener = SessionOpener(
        endpoint, helo_name, credentials, timeouts, dialer or network_dialer(timeouts), lmtp=lmtp
    )
    if endpoint.tls is not Tls.WANTED:
        return await opener.open_session(endpoint.tls)
    try:
        return await _open_with_tls(opener, endpoint)
    except TlsUnavailable as error:
        session = await opener.open_session(Tls.OFF)
        session.shortfall = in_clear(endpoint, str(error))
        return session


async def _open_with_tls(opener: SessionOpener, endpoint: Endpoint) -> SmtpSession:
    """Use TLS if it is offered; do not verify the server if its certificate is not trusted."""
    reason = UNTRUSTED.reason(endpoint)
    if reason is None:
        try:
            return await opener.open_session(Tls.WANTED)
        except CertificateUntrusted as error:
            reason = error.reason
            UNTRUSTED.note(endpoint, reason)
    session = await opener.open_session(Tls.WANTED, verify=False)
    session.shortfall = session.shortfall or unverified(endpoint, reason)
    return session


def network_dialer(timeouts: Timeouts) -> Dialer:
    """Return the dialer for real connections."""
    return partial(_dial, timeouts=timeouts)


async def _dial(endpoint: Endpoint, timeouts: Timeouts) -> Connection:
    try:
        return await dial(
            endpoint,
            connect_timeout=timeouts.connect,
            inactivity_timeout=timeouts.greeting,
            fault=Fault.TARGET,
        )
    except TlsFailed as error:
        raise await explained(error, SMTP, endpoint) from error


class SessionOpener:
    """Opens sessions with one server, in as many attempts as TLS needs."""

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

    async def open_session(self, tls: Tls, *, verify: bool = True) -> SmtpSession:
        """Open one connection with `tls`. `verify`: as the endpoint says; otherwise not."""
        endpoint = self._endpoint if verify else replace(self._endpoint, verify=False)
        stream = await self._dialer(endpoint)
        session = SmtpSession(Dialogue(stream, endpoint, self._timeouts, lmtp=self._lmtp))
        dialogue = session.dialogue
        if self._credentials is not None:
            masker = ReplyMasker(secrets_of(self._credentials), shortest=SHORTEST_SECRET)
            dialogue.protocol.mask_secrets(masker)
        try:
            await self._read_greeting(dialogue)
            await self._say_hello(session)
            if tls in {Tls.WANTED, Tls.REQUIRED}:
                await self._start_tls(session, required=tls is Tls.REQUIRED)
            if self._credentials is not None:
                await self._log_in(session, self._credentials)
        except BaseException:
            dialogue.abort()
            raise
        return session

    async def _read_greeting(self, dialogue: Dialogue) -> None:
        try:
            reply = (await dialogue.read_answers())[0].reply
        except ConnectionLost as error:
            raise self._no_greeting(error) from error
        if not reply.positive:
            raise self._refused("does not accept connections", reply)

    async def _say_hello(self, session: SmtpSession) -> None:
        reply = await session.dialogue.exchange_one(self._ehlo)
        if reply.severity == 5 and not self._lmtp:
            reply = await session.dialogue.exchange_one(self._helo)
        if not reply.positive:
            raise self._refused(f"does not accept our {self._ehlo.verb}", reply)
        session.hello = self._ehlo

    async def _start_tls(self, session: SmtpSession, *, required: bool) -> None:
        dialogue = session.dialogue
        if not dialogue.protocol.extensions.starttls:
            if required:
                raise TlsUnavailable(f"TLS is required, and {self._endpoint} does not offer STARTTLS.")
            session.shortfall = in_clear(self._endpoint, f"{self._endpoint} does not offer STARTTLS.")
            return
        try:
            reply = await dialogue.exchange_one(STARTTLS)
            if reply.positive:
                await dialogue.start_tls()
                await self._say_hello(session)
                return
        except ConnectionLost as error:
            raise TlsUnavailable(f"STARTTLS with {self._endpoint} failed: {error}") from error
        refused = f"{self._endpoint} refused STARTTLS: {reply.text}."
        if required or not dialogue.usable:
            raise TlsUnavailable(refused)
        session.shortfall = in_clear(self._endpoint, refused)

    async def _log_in(self, session: SmtpSession, credentials: Credentials) -> None:
        is_clear = not session.dialogue.is_tls
        if is_clear and self._endpoint.tls is not Tls.OFF and self._endpoint.unix_path is None:
            raise LoginImpossible(
                f"TLS with {self._endpoint} did not come about, and the password is not sent without it.",
                temporary=True,
            )
        session.log_in = partial(log_in, session.dialogue, credentials)
        await session.log_in()

    def _no_greeting(self, error: ConnectionLost) -> ConnectionLost:
        """Return the error, with the likely mistake in the configuration if there seems to be one."""
        cause = error.__cause__
        said = cause.said if isinstance(cause, ProtocolViolation) else b""
        wanted = LMTP if self._lmtp else SMTP
        mistake = likely_mistake(wanted, self._endpoint, said)
        if not (said or mistake):
            return error
        return WrongService(f"{self._endpoint} does not greet as {wanted} does: {error} {mistake}".rstrip())

    def _refused(self, what: str, reply: Reply) -> SessionRefused:
        return SessionRefused(f"{self._endpoint} {what}: {reply.text}.", reply)
