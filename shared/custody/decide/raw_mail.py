"""Rule 3: what is parked is stored before."""

from __future__ import annotations

from shared.custody.state import Message


def require_raw_mail(known: Message, blob: str | None) -> None:
    """Rule 3. Who parks has stored the mail before; not to have done so is an error in Mailferry."""
    if blob is None and known.blob is None:
        raise ValueError(f"message {known.id} may only be parked once its raw mail is held in a blob")
