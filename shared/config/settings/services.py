"""Settings of the fetcher and the relay, of notices, and of the hosts that mailboxes are at."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator

from shared.config import helo, urls, values
from shared.config.settings.types import ProbeDelays, RetryDelays
from shared.model.address import Address
from shared.model.duration import Duration
from shared.model.reading import KIB, MIB
from shared.model.setting import Settings, duration, required, setting, size
from shared.model.size import Size

LARGEST_INLINE = 8 * MIB
"""RabbitMQ 4 refuses messages above 16 MiB, and an event carries more than the mail."""


class FetcherSettings(Settings):
    """How many mailboxes are visited at a time, and how much of their mail may be in custody at once.

    `docs/visits.md` explains the windows.
    """

    concurrency: int = setting(
        0,
        "Visits of one process at a time. 0 finds a number that suits accounts and machine.",
        example=50,
        ge=0,
    )
    host_connections: int = setting(
        20, "Visits to one host at a time, of all processes together. 0 is no limit.", ge=0
    )
    watch_connections: int = setting(
        1000,
        "Sessions of one process that stay open between visits (`watch`), each of some 300 KiB.",
        ge=0,
    )
    window_messages: int = setting(500, "Mails of one account in custody at once.", ge=1)
    window_bytes: Size = size(32 * MIB, "Octets of one account in custody at once.", ge=1)
    tenant_window_messages: int = setting(
        3000, "Mails of all accounts of one tenant in custody at once. 0 is no limit.", ge=0
    )
    tenant_window_bytes: Size = size(
        64 * MIB, "Octets of all accounts of one tenant in custody at once. 0 is no limit."
    )
    settle_wait: Duration = duration(
        10.0, "How long a visit waits for its mail to be delivered, to delete it in the same session."
    )
    inline_limit: Size = size(
        256 * KIB, "A larger mail goes into a blob instead of the event.", le=LARGEST_INLINE
    )
    memory_limit: Size = size(
        256 * MIB,
        "Listings and, with the broker inside, mail that one process may hold in memory. 0 is no limit.",
        formerly="process_bytes",
    )


class RelaySettings(Settings):
    """When delivery is tried again, and our name in EHLO."""

    retry_delays: RetryDelays = duration(
        (60.0, 300.0, 900.0, 3600.0, 14400.0),
        "Times between the attempts of a deferred mail. The last one repeats.",
        form="list of durations",
        example=["5m", "1h"],
        min_length=1,
    )
    give_up: Duration = duration(5 * 86400.0, "After this time a deferred mail is parked.", gt=0)
    probe_delays: ProbeDelays = duration(
        (5.0, 15.0, 60.0, 300.0),
        "Times between the probes of a target that is out of reach. The last one repeats.",
        form="list of durations",
        min_length=1,
    )
    helo_name: Annotated[str, PlainValidator(helo.helo_name)] = setting(
        "",
        "Our name in EHLO. Without it, the machine's full name. `localhost` is refused.",
        form="full host name or address literal",
        example="mx.corp.example",
    )


class HostSettings(Settings):
    """Limits of a host, or of all hosts of a known provider."""

    name: Annotated[
        str,
        PlainValidator(urls.host_name),
        required(
            "As in the URL of the accounts, or a provider's name.",
            form="host name",
            example="pop.isp.example",
        ),
    ]
    connections: int | None = setting(None, "Visits at a time, of all processes together.", example=5, ge=0)
    interval: Duration | None = duration(
        None, "The shortest time between two visits of one mailbox.", example="5m"
    )
    spacing: Duration | None = duration(
        None, "The shortest time between the starts of two visits.", example="2s"
    )


class NoticesSettings(Settings):
    """Who is notified of parked mail: nobody, unless `digest` or `bounces` is set."""

    digest: Annotated[Duration, Field(gt=0)] | None = duration(
        None, "The shortest time between two notices to a tenant's postmaster.", example="24h"
    )
    bounces: bool = setting(False, "Whether the senders of refused mail are notified.")
    postmasters: Annotated[dict[str, Address], PlainValidator(values.postmasters)] = setting(
        {},
        "The postmasters by tenant. Without one, it is `unknown_recipients` of the tenant's accounts.",
        form="table of tenant and address",
        example={"acme": "postmaster@acme.example"},
    )
