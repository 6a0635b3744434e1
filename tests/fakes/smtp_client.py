"""An SMTP client whose server is a script."""

from __future__ import annotations

from shared.model.endpoint import Endpoint
from shared.smtp.client import SmtpClient, connect
from tests.fakes.scripted_stream import ScriptedStream

ENDPOINT = Endpoint("mx.example", 25)
FULL = b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 1000\r\n"
BARE = b"250 mx.example\r\n"


async def client_for(stream: ScriptedStream, offer: bytes = FULL) -> SmtpClient:
    """Return a client after EHLO; `stream` has the rest of the script."""
    opening = ScriptedStream(b"220 mx.example\r\n", offer)

    async def dialer(_endpoint: Endpoint) -> ScriptedStream:
        return opening

    client = await connect(ENDPOINT, helo_name="me.example", dialer=dialer)
    client.session.dialogue.stream = stream
    return client
