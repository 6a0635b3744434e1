"""Into which transactions the recipients of one mail are divided, as the target's answers show what it takes.

Pure. A refusal for too many recipients is no answer to anybody: those who met it are offered again at once,
in a smaller transaction. It ends, since each transaction serves somebody or is smaller than the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.model.errors import MailferryError
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost
from shared.smtp.excess import may_mean_too_many_recipients, says_too_many_recipients

End = RecipientReply | MailferryError
"""How an attempt ended for one destination."""

CLOSING = 421

_PERMITTED = frozenset({Phase.DATA, Phase.CONTENT})


class Splitting:
    """`most` recipients go in one transaction, and fewer once the target refused so many; `ends` has what
    became of those who were answered for.
    """

    def __init__(self, destinations: Sequence[str], most: int) -> None:
        self._left = list(destinations)
        self._most = most
        self._offered_again: set[str] = set()
        self._said_so = False
        self.ends: dict[str, End] = {}

    @property
    def learnt(self) -> int | None:
        """The most recipients that the target takes, if it said in this mail that there were too many."""
        return self._most if self._said_so else None

    def next(self) -> tuple[str, ...]:
        """Who goes in the next transaction; nobody once all were answered for."""
        return tuple(self._left[: self._most])

    def record(self, ends: Mapping[str, End]) -> None:
        """Note how the transaction ended for each of those whom `next` gave."""
        group = self.next()
        again = self._again(group, ends)
        self.ends |= {each: ends[each] for each in group if each not in again}
        self._left = [*(each for each in group if each in again), *self._left[len(group) :]]
        if again:
            self._said_so |= any(_says_so(ends[each]) for each in again)
            self._most = _fewer(group, again, ends)
        elif len(group) == 1 and _says_so(ends[group[0]]):
            self._give_up(ends[group[0]])

    def _again(self, group: Sequence[str], ends: Mapping[str, End]) -> set[str]:
        """Who is to be offered again, now."""
        if len(group) == 1:
            return set()
        again = {each for each in group if _says_so(ends[each])}
        if again:
            return again | {each for each in group if _was_hung_up_on(ends[each])}
        if not any(_permitted(ends[each]) for each in group):
            return set()
        doubtful = {each for each in group if _may_say_so(ends[each])} - self._offered_again
        self._offered_again |= doubtful
        return doubtful

    def _give_up(self, end: End) -> None:
        """Where one recipient alone is too many, the number is not what the target means, and nobody who is
        left would fare better now.
        """
        self._said_so = False
        for each in self._left:
            self.ends[each] = end._replace(recipient=each) if isinstance(end, RecipientReply) else end
        self._left = []


def _fewer(group: Sequence[str], again: set[str], ends: Mapping[str, End]) -> int:
    """How many to try next: as many as were taken, or half where none was."""
    taken = sum(each not in again and _permitted(ends[each]) for each in group)
    refused = sum(_permitted(ends[each]) for each in again)
    return taken or max(1, (refused or len(group)) // 2)


def _permitted(end: End) -> bool:
    """Whether the target took the recipient, as far as RCPT."""
    return isinstance(end, RecipientReply) and end.phase in _PERMITTED


def _says_so(end: End) -> bool:
    return isinstance(end, RecipientReply) and says_too_many_recipients(end.reply)


def _may_say_so(end: End) -> bool:
    return (
        isinstance(end, RecipientReply)
        and end.phase is Phase.RCPT
        and may_mean_too_many_recipients(end.reply)
    )


def _was_hung_up_on(end: End) -> bool:
    """Whether the target left, over too many recipients, before it could have the mail for this one."""
    if isinstance(end, RecipientReply):
        return end.reply.code == CLOSING and end.phase is not Phase.CONTENT
    return isinstance(end, ConnectionLost) and not end.after_content
