"""Divides the recipients of one mail into transactions that the target accepts.

Pure. A refusal for too many recipients is final for none of them: they are offered again at once, in a
smaller transaction. This ends, as each transaction decides about a recipient or is smaller than the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.model.errors import MailferryError
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost
from shared.smtp.reply import may_mean_too_many_recipients, says_too_many_recipients

RecipientResult = RecipientReply | MailferryError
"""How a transaction ended for one destination."""

CLOSING = 421

_AFTER_RCPT = frozenset({Phase.DATA, Phase.CONTENT})


class RecipientSplitter:
    """Up to `limit` recipients go in one transaction, and fewer once the target refused so many.

    `results` has the recipients with a final result.
    """

    def __init__(self, destinations: Sequence[str], limit: int) -> None:
        self._left = list(destinations)
        self._limit = limit
        self._offered_again: set[str] = set()
        self._limit_refused = False
        self.results: dict[str, RecipientResult] = {}

    @property
    def learnt_limit(self) -> int | None:
        """The most recipients that the target accepts, if it refused some of this mail as too many."""
        return self._limit if self._limit_refused else None

    def next_group(self) -> tuple[str, ...]:
        """Return the recipients of the next transaction; none once all have a result."""
        return tuple(self._left[: self._limit])

    def record_group(self, results: Mapping[str, RecipientResult]) -> None:
        """Record the result of each recipient that `next_group` returned."""
        group = self.next_group()
        again = self._to_offer_again(group, results)
        self.results |= {each: results[each] for each in group if each not in again}
        self._left = [*(each for each in group if each in again), *self._left[len(group) :]]
        if again:
            self._limit_refused |= any(_is_too_many(results[each]) for each in again)
            self._limit = _smaller_limit(group, again, results)
        elif len(group) == 1 and _is_too_many(results[group[0]]):
            self._give_up(results[group[0]])

    def _to_offer_again(self, group: Sequence[str], results: Mapping[str, RecipientResult]) -> set[str]:
        if len(group) == 1:
            return set()
        again = {each for each in group if _is_too_many(results[each])}
        if again:
            return again | {each for each in group if _was_hung_up_on(results[each])}
        if not any(_accepted_at_rcpt(results[each]) for each in group):
            return set()
        doubtful = {each for each in group if _may_be_too_many(results[each])} - self._offered_again
        self._offered_again |= doubtful
        return doubtful

    def _give_up(self, result: RecipientResult) -> None:
        """Give all remaining recipients this result.

        If a single recipient is too many, the target does not mean the number, and would refuse the others.
        """
        self._limit_refused = False
        for each in self._left:
            self.results[each] = (
                result._replace(recipient=each) if isinstance(result, RecipientReply) else result
            )
        self._left = []


def _smaller_limit(group: Sequence[str], again: set[str], results: Mapping[str, RecipientResult]) -> int:
    """Return the limit to try next: as many as were accepted, or half if none was."""
    accepted = sum(each not in again and _accepted_at_rcpt(results[each]) for each in group)
    refused = sum(_accepted_at_rcpt(results[each]) for each in again)
    return accepted or max(1, (refused or len(group)) // 2)


def _accepted_at_rcpt(result: RecipientResult) -> bool:
    return isinstance(result, RecipientReply) and result.phase in _AFTER_RCPT


def _is_too_many(result: RecipientResult) -> bool:
    return isinstance(result, RecipientReply) and says_too_many_recipients(result.reply)


def _may_be_too_many(result: RecipientResult) -> bool:
    return (
        isinstance(result, RecipientReply)
        and result.phase is Phase.RCPT
        and may_mean_too_many_recipients(result.reply)
    )


def _was_hung_up_on(result: RecipientResult) -> bool:
    """Whether the target closed the connection before it could have the mail for this recipient."""
    if isinstance(result, RecipientReply):
        return result.reply.code == CLOSING and result.phase is not Phase.CONTENT
    return isinstance(result, ConnectionLost) and not result.after_content
