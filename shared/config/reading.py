"""The keys of an account that say how its mail is read."""

from __future__ import annotations

from shared.config.layers import Layered
from shared.config.problems import Problems
from shared.config.schema import ReadingKeys
from shared.config.values import written_size
from shared.model.reading import Caps, Oversize, Pipelining, Reading


def reading(problems: Problems, entry: ReadingKeys, layered: Layered) -> Reading:
    """How the account's mail is read, after noting limits that contradict each other."""
    if entry.session_limit < entry.mail_limit:
        sentence = f'"session_limit": must be at least mail_limit, which is {written_size(entry.mail_limit)}'
        layered.note(problems, "session_limit", sentence)
    if entry.max_size > entry.mail_limit:
        sentence = f'"max_size": must be at most mail_limit, which is {written_size(entry.mail_limit)}'
        layered.note(problems, "max_size", sentence)
    return Reading(
        max_messages=entry.max_messages,
        max_bytes=entry.max_bytes,
        max_size=entry.max_size,
        oversize=Oversize(entry.oversize),
        session_deadline=entry.session_deadline,
        use_top=entry.use_top,
        pipelining=Pipelining(entry.pipelining),
        caps=Caps(entry.line_limit, entry.listing_limit, entry.mail_limit, entry.session_limit),
    )
