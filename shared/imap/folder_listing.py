"""What one folder shows in a visit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shared.imap.events import Selected
from shared.imap.folder_state import FolderState
from shared.imap.folders import has_lasting_uids


@dataclass(slots=True)
class FolderListing:
    """What one folder shows.

    `exists`: how many mails the server counts. `sizes` by UID, 0 where unknown. `is_complete`: no mail is
    missing. Meanwhile mails came or left (`changed`), or left (`some_left`). So many were `malformed`:
    without a possible UID, or there twice. `is_partial`: the server says that it left some out. With `since`,
    the mails of that state are still there and are not listed. `state` is that of the folder as it was
    listed, None where nothing is sure. `flagged` are the UIDs of mails with one of the flags `skip`. `shown`:
    the server may show no more mails of a folder than so many, None where it shows all. `object_ids` by UID,
    where the server has them.
    """

    name: str
    selected: Selected
    exists: int | None
    sizes: dict[int, int] = field(default_factory=dict)
    is_complete: bool = False
    problems: list[str] = field(default_factory=list)
    changed: bool = False
    malformed: int = 0
    some_left: bool = False
    is_partial: bool = False
    since: FolderState | None = None
    state: FolderState | None = None
    skip: frozenset[str] = frozenset()
    flagged: set[int] = field(default_factory=set)
    shown: int | None = None
    object_ids: dict[int, str] = field(default_factory=dict)

    @property
    def first_uid(self) -> int:
        """The first UID that was asked for."""
        return self.since.uidnext if self.since is not None else 1

    @property
    def expected(self) -> int | None:
        """How many mails must be listed if none is missing; None where the server does not say."""
        if self.exists is None:
            return None
        return self.exists - (self.since.messages if self.since is not None else 0)

    @property
    def is_cut(self) -> bool:
        """Whether there may be mails that the server does not even count."""
        return self.shown is not None and self.exists is not None and self.exists >= self.shown

    @property
    def has_lasting_uids(self) -> bool:
        """Whether its UIDs name mails beyond this session."""
        return has_lasting_uids(self.selected)


def grown(before: FolderListing, more: FolderListing) -> FolderListing:
    """Return the listing of a folder with what came later. `more` was listed since the state of `before`."""
    return replace(
        before,
        selected=more.selected,
        exists=more.exists,
        sizes=before.sizes | more.sizes,
        problems=[*before.problems, *more.problems],
        flagged=before.flagged | more.flagged,
        state=more.state,
        object_ids=before.object_ids | more.object_ids,
    )
