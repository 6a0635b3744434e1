"""TLS contexts for connections to servers: verified by default, TLS 1.2 or newer.

A context is expensive, as it parses every authority of the system. So equal endpoints share one, and with it
the sessions that can be resumed. A `ca_file` that was replaced on disk is noticed by its time stamp and size;
nothing is resumed then.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from shared.model.endpoint import Endpoint
from shared.net.resumption import ResumingContext, resuming

_REMEMBERED_CONTEXTS = 64


def client_context(endpoint: Endpoint) -> ResumingContext:
    """Return the context for `endpoint`.

    With `verify` the chain must lead to an authority of the system or of `ca_file`, and the name must match.
    Without it, or with a pin, which is checked after the handshake, neither is checked. Raises OSError
    (ssl.SSLError included) if `ca_file` cannot be read.
    """
    verify = endpoint.verify and endpoint.pin is None
    if endpoint.ca_file is None:
        return _context(verify, None, 0, 0)
    status = Path(endpoint.ca_file).stat()
    return _context(verify, endpoint.ca_file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=_REMEMBERED_CONTEXTS)
def _context(verify: bool, ca_file: str | None, _changed: int, _size: int) -> ResumingContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return resuming(context)
