"""Settings of a target."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator

from shared.config import urls, values
from shared.config.settings.servers import ServerSettings
from shared.config.settings.types import Name
from shared.model.refusal import RefusalRule
from shared.model.setting import required, setting
from shared.model.target import DeliveryOptions


class TargetSettings(ServerSettings, DeliveryOptions):
    """A server that mail is delivered to. `docs/targets.md` and `docs/delivery.md` explain the rest."""

    name: Annotated[
        Name, required("The name by which accounts refer to it.", form="name", example="exchange")
    ]
    url: Annotated[
        urls.ServerUrl,
        PlainValidator(urls.target_url),
        required(
            "Where it is.",
            form="`smtp://`, `smtps://`, `lmtp://`, `lmtp+unix:///path` or `mx://domain`",
            example="smtp://mail.corp.example:25",
        ),
    ]
    enabled: bool = setting(
        True,
        "Whether mail is delivered to it. Without, mail waits, and the mailboxes of its accounts are not "
        "visited.",
    )
    tenant: Name | None = setting(
        None,
        "The customer that the target belongs to. Without one it is for several.",
        form="name",
        example="acme",
    )
    tenants: Annotated[tuple[str, ...], PlainValidator(values.names)] = setting(
        (),
        "The customers that may use a target without `tenant`. An empty list allows all.",
        form="list of names",
        example=["acme"],
    )
    auth: Annotated[tuple[str, ...], PlainValidator(values.sasl_methods)] = setting(
        (),
        "The login methods that are tried, in this order. `auto` tries what is offered, safest first.",
        form='"auto", "oauth" or a list of methods',
        example=["scram-sha-256", "plain"],
    )
    connections: int = setting(4, "Connections of one process.", ge=1, le=1000)
    rules: Annotated[tuple[RefusalRule, ...], PlainValidator(values.refusal_rules)] = setting(
        (),
        "What is done about refusals; the first rule that fits decides. See `docs/delivery.md`.",
        form="tables with `code` and `action`",
        example=[{"code": "550 5.7.*", "action": "retry"}],
    )
