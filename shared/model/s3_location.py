"""A bucket of an S3 service, and the credentials for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr
from typing_extensions import override


@dataclass(frozen=True, slots=True)
class S3Location:
    """Where the objects are. What is None comes from the environment (AWS_*) or the machine's role."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: SecretStr | None = field(default=None, repr=False)

    @override
    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")
