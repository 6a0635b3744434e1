"""Which raw mails have to be kept: asked by those who clear blobs away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class BlobRetention(Protocol):
    """What the store says about raw mails."""

    async def needing_raw_mail(self, messages: Sequence[str]) -> Sequence[str]:
        """Those of `messages` whose raw mail may still be needed, see `custody.settlement.needs_raw_mail`.

        A message that is not known here is among them only once the store was restored from a backup.
        """
        ...

    async def done_with(self, messages: Sequence[str]) -> Sequence[str]:
        """Those of `messages` that are known here and whose raw mail will never be needed again, however new
        it is.
        """
        ...
