"""When mail of an account came last, as the account's state remembers it for the next visits.

Only accounts whose `poll` is a range need it. A process that starts anew, or another one, goes on with it.
"""

from __future__ import annotations

import json

from services.fetcher.decide.unchanged import read_state

KEY = "mail_at"


def mail_came_at(state: str | None, *, fetched: int, now: float) -> float:
    """Return when mail came last, in seconds since the epoch, after a visit that fetched so many mails.

    The first visit counts as mail. So does a time to come, which a wrong clock has set.
    """
    known = read_state(state).get(KEY)
    if fetched or not isinstance(known, (int, float)) or isinstance(known, bool):
        return now
    return min(float(known), now)


def with_last_mail(state: str | None, at: float | None) -> str | None:
    """Return the text with the time in the place of an earlier one; None: without any."""
    if at is None and KEY not in (state or ""):
        return state  # as nearly always: the text is not read, and may be long
    others = {key: value for key, value in read_state(state).items() if key != KEY}
    return json.dumps(others | ({} if at is None else {KEY: at}), separators=(",", ":"))
