"""NTLM ([MS-NLMP]; in POP3 as [MS-POP3] describes). The library pyspnego does the cryptography.

The response is NTLMv2, unless the environment variable LM_COMPAT_LEVEL sets pyspnego to another version.

NTLM is used only where the account names it, because it protects badly: an eavesdropper can guess passwords
offline from the response, and an attacker in the middle can relay the response to another server.
"""

from __future__ import annotations

import spnego
import spnego.exceptions
from typing_extensions import override

from shared.net.sasl.mechanism import Mechanism, SaslError, UnfitCredentials, in_utf8

_SIGNATURE = b"NTLMSSP\0"


class Ntlm(Mechanism):
    """An exchange of three messages: negotiate, challenge, authenticate.

    The user name may include a domain: `DOMAIN\\user`.
    """

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
        """Answer any first challenge with the negotiate message, and the second one with the proof."""
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
