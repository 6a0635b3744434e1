"""Mails at which a visit broke off: they are asked for last, so that one that breaks each visit blocks no
other.

Which mail is to blame is a guess, and so it is only ever put last. It is known to one process and forgotten
with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


class Suspects:
    """The suspects of all accounts by their uids."""

    def __init__(self) -> None:
        self._by_account: dict[str, dict[str, None]] = {}

    def add(self, account: str, uid: str) -> None:
        """A visit broke off at this mail."""
        uids = self._by_account.setdefault(account, {})
        uids.pop(uid, None)
        uids[uid] = None

    def among(self, account: str, listed: Collection[str]) -> Sequence[str]:
        """Those that are still listed, the latest last; the others are forgotten."""
        if account not in self._by_account:
            return ()
        present = set(listed)
        uids = {uid: None for uid in self._by_account.pop(account) if uid in present}
        if uids:
            self._by_account[account] = uids
        return tuple(uids)
