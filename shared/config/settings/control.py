"""Settings of the control service: the REST API and the console."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainValidator

from shared.config import values
from shared.config.settings.types import Text
from shared.model.duration import Duration
from shared.model.reading import MIB
from shared.model.setting import Settings, duration, setting, size
from shared.model.size import Size

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(value: object) -> tuple[Network, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("expected a list of addresses or networks in [ ]")  # noqa: TRY004 - pydantic's way
    try:
        return tuple(ipaddress.ip_network(str(each)) for each in value)
    except ValueError as error:
        raise ValueError(f"expected IP addresses or networks: {error}") from error


class ControlSettings(Settings):
    """The REST API (`docs/api.md`).

    On another address than loopback it needs TLS, or a proxy that is named in `proxies`.
    """

    listen: Annotated[values.Listen | None, PlainValidator(values.listen)] = setting(
        values.Listen("127.0.0.1", 8464),
        "Where to listen. An empty text switches the API off.",
        form="host:port",
        example="0.0.0.0:8464",
    )
    url: Text | None = setting(
        None, "The URL by which people reach it, for links.", example="https://mailferry.example"
    )
    tls_certificate: Text | None = setting(
        None, "The certificate with its chain, as PEM.", form="path", example="/etc/mailferry/control.pem"
    )
    tls_key: Text | None = setting(
        None, "The certificate's key, as PEM.", form="path", example="/etc/mailferry/control.key"
    )
    proxies: Annotated[tuple[Network, ...], PlainValidator(_networks)] = setting(
        (),
        "Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
        form="list of addresses or networks",
        example=["10.0.0.5", "10.1.0.0/24"],
    )
    without_tls: bool = setting(
        False, "Whether it may listen in clear on another address than loopback: passwords can be read there."
    )
    requests_per_minute: int = setting(
        600, "Requests of one token or session in a minute; unused ones are kept for a burst.", ge=1
    )
    max_body: Size = size(4 * MIB, "Octets of a request's body.", ge=1024)
    timeout: Annotated[Duration, Field(gt=0)] = duration(
        30.0, "How long a request may take, sending it included.", le=60
    )

    @property
    def certificate(self) -> tuple[Path, Path] | None:
        """The files of the certificate and its key; None without TLS."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return Path(self.tls_certificate), Path(self.tls_key)
