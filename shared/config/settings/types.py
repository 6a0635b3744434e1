"""Types that several settings share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, SecretStr

from shared.config import values
from shared.model.duration import Duration

Text = Annotated[str, PlainValidator(values.text)]
Name = Annotated[str, PlainValidator(values.name)]
Domain = Annotated[str, PlainValidator(values.domain)]
RetryDelays = Annotated[tuple[Annotated[Duration, Field(ge=1)], ...], Field(strict=False)]
ProbeDelays = Annotated[tuple[Annotated[Duration, Field(gt=0)], ...], Field(strict=False)]
TlsMode = Literal["off", "wanted", "required"]
Secret = Annotated[
    SecretStr, AfterValidator(lambda secret: SecretStr(values.text(secret.get_secret_value())))
]
