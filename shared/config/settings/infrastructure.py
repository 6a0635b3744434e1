"""Settings of broker, store, blobs, metrics, leases and log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, SecretStr

from shared.config import values
from shared.config.settings.types import Secret, Text
from shared.model.duration import Duration
from shared.model.file_url import path_in_url
from shared.model.setting import Settings, duration, setting

IN_PROCESS = "memory:"
SQLITE = "sqlite:///"
DAY = 86400.0


class UrlSettings(Settings):
    """A URL that may contain a password, and so may come from a file or the environment."""

    url_file: Text | None = setting(None, "A file that holds the URL alone.", example="/run/secrets/url")
    url_env: Text | None = setting(None, "The environment variable that holds the URL.", example="URL")


class BrokerSettings(UrlSettings):
    """Where events travel."""

    url: Secret = setting(
        SecretStr(IN_PROCESS),
        "`memory:` keeps events within the process. Services on their own need RabbitMQ.",
        form="`memory:`, `amqp://` or `amqps://`",
        example="amqps://mailferry:secret@rabbit.example/mailferry",
    )

    @property
    def in_process(self) -> bool:
        """Whether events stay within this process."""
        return self.url.get_secret_value() == IN_PROCESS


class StoreSettings(UrlSettings):
    """The database. A relative path of SQLite starts from the directory of the configuration file."""

    url: Secret = setting(
        SecretStr("sqlite:////var/lib/mailferry/mailferry.db"),
        "SQLite is for one process. Several processes share PostgreSQL.",
        form="`sqlite:///path` or `postgresql://`",
        example="postgresql://mailferry@db.example/mailferry",
    )
    keep_history: Duration = duration(
        90 * DAY, "How long mail is remembered that its source has no more.", example="30d", ge=DAY
    )
    deadline: Duration = duration(
        30.0,
        "A call that the database does not answer within this time counts as an outage.",
        ge=1,
        le=600,
    )

    @property
    def sqlite_path(self) -> Path | None:
        """Return the file of an SQLite database; None for PostgreSQL."""
        url = self.url.get_secret_value()
        return Path(path_in_url(url, "sqlite:", SQLITE)) if url.startswith(SQLITE) else None


class BlobsSettings(Settings):
    """Where mail is kept that is too large for an event, spooled or parked.

    The keys behind `url` are for S3; where they are missing, they come from the environment (`AWS_*`).
    """

    url: Text = setting(
        "file:///var/lib/mailferry/blobs",
        "A directory of this machine, or a bucket that all machines share.",
        form="`file:///path` or `s3://bucket/prefix`",
        example="s3://mail/blobs",
    )
    endpoint: Text | None = setting(
        None, "The S3 service, where it is not Amazon's.", example="https://s3.example"
    )
    region: Text | None = setting(None, "The bucket's region.", example="eu-central-1")
    access_key: Text | None = setting(None, "The access key's id.")
    secret_key: Secret | None = setting(None, "The secret of the access key.")
    secret_key_file: Text | None = setting(None, "A file that holds the secret alone.")
    secret_key_env: Text | None = setting(None, "The environment variable that holds the secret.")


class MetricsSettings(Settings):
    """The port for `/metrics`, `/livez` and `/readyz`."""

    listen: Annotated[values.Listen | None, PlainValidator(values.listen)] = setting(
        values.Listen("127.0.0.1", 9464),
        "Where to listen. An empty text switches the port off.",
        form="host:port",
        example="0.0.0.0:9464",
    )


class SecretsSettings(Settings):
    """The key under which the passwords in the database are sealed. See `docs/secrets.md`.

    With SQLite and without these settings, the key is beside the database, where the first start makes it.
    """

    key_file: Text | None = setting(
        None,
        "The file that holds the key. `mailferry secrets init` makes it.",
        form="path",
        example="/etc/mailferry/secrets.key",
    )
    key_env: Text | None = setting(
        None, "The environment variable that holds the key.", example="MAILFERRY_KEY"
    )
    old_key_files: Annotated[tuple[Text, ...], Field(strict=False)] = setting(
        (),
        "Files with keys that are no longer used to seal, and still open what they sealed.",
        form="list of paths",
        example=["/etc/mailferry/secrets.key.2026"],
    )


class LeasesSettings(Settings):
    """How long a process may go without a sign of life before others take its work over."""

    account: Duration = duration(60.0, "For an account that is being visited.", ge=1)
    message: Duration = duration(
        900.0, "For a mail in custody. Then it counts as lost and is fetched again.", ge=1
    )


class TracingSettings(Settings):
    """Traces by OpenTelemetry. See `docs/watching.md`."""

    endpoint: Annotated[str, PlainValidator(values.web_address)] | None = setting(
        None,
        "The collector, which takes OTLP over HTTP. Without it nothing is traced.",
        form="URL",
        example="http://127.0.0.1:4318",
    )
    sample: float = setting(1.0, "The part of all mails that is traced.", ge=0, le=1, example=0.01)


class LogSettings(Settings):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "The least serious level that is logged. Addresses appear at `debug` only."
    )
    format: Literal["auto", "json", "text"] = setting(
        "auto", "`auto` is text on a terminal and JSON elsewhere."
    )
