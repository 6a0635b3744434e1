"""NTLM ([MS-NLMP]; in POP3 as [MS-POP3] frames it); the cryptography is pyspnego's.

The response is of version 2, unless the environment says otherwise to pyspnego (LM_COMPAT_LEVEL).

Who listens can try passwords against the response, and who sits in the middle can pass it on to another
server, so it is used only where the account names it.
"""

from __future__ import annotations

import spnego
import spnego.exceptions
from typing_extensions import override

from shared.net.sasl.mechanism import Mechanism, SaslError, UnfitCredentials, in_utf8

_SIGNATURE = b"NTLMSSP\0"


class Ntlm(Mechanism):
    """Negotiate, challenge, authenticate. A user name may have its domain: `DOMAIN\\user`."""

    @property
    @override
    def name(self) -> str:
        return "NTLM"

    def __init__(self, username: str, password: str) -> None:
        in_utf8(username, "user name")
        in_utf8(password, "password")
        try:
            self._context = spnego.client(
                username, password, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm
            )
            self._negotiate: bytes | None = self._context.step()
        except (spnego.exceptions.SpnegoError, ValueError) as error:
            kind = type(error).__name__
            raise UnfitCredentials(
                f"The user name or the password cannot be used with NTLM ({kind})."
            ) from None
        self._done = False

    @override
    def initial(self) -> bytes | None:
        return None

    @override
    def respond(self, challenge: bytes) -> bytes:
        """Our negotiation to whatever comes first, since servers greet in many ways, then the proof."""
        if self._negotiate is not None:
            negotiate, self._negotiate = self._negotiate, None
            return negotiate
        if self._done or not challenge.startswith(_SIGNATURE):
            raise SaslError("The server sent a challenge that NTLM does not have.")
        self._done = True
        try:
            return self._context.step(challenge) or b""
        except Exception as error:  # noqa: BLE001 - the parser of pyspnego raises anything on hostile input
            kind = type(error).__name__
            raise SaslError(f"What the server sent is no NTLM challenge ({kind}).") from None
