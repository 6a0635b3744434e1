"""Cursors, which say nothing to callers, and revisions as entity tags."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated

from fastapi import Depends, Header, Query, Response

from services.control.problems import Problem
from shared.model.account_condition import Colour

MOST = 200
USUAL = 50


def cursor_of(after: str | int | tuple[str, ...] | None) -> str | None:
    """Return the cursor that leads on from here; None where nothing follows."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([after]).encode()).decode().rstrip("=")


def _place(cursor: str) -> object:
    try:
        [place] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(place, str):
            place.encode()
        return place
    except (ValueError, TypeError, binascii.Error):
        return None


def colour_cursor(cursor: str) -> tuple[Colour, str]:
    """Return the colour and the name after which a list of accounts goes on. Raises `Problem`."""
    match _place(cursor):
        case [str(colour), str(name)] if colour in {*Colour} and "\0" not in name:
            return Colour(colour), name
    raise Problem(400, "invalid_cursor", "this cursor did not come from here")


class Paging:
    """Which part of a list is asked for."""

    def __init__(
        self,
        cursor: Annotated[
            str | None, Query(max_length=1000, description="`next` of the page before.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST, description="Objects in a page.")] = USUAL,
    ) -> None:
        self._cursor = cursor
        self.limit = limit

    @property
    def after(self) -> str:
        """The id after which the page begins. Raises `Problem`."""
        if self._cursor is None:
            return ""
        place = _place(self._cursor)
        if not isinstance(place, str) or "\0" in place:
            raise Problem(400, "invalid_cursor", "this cursor did not come from here")
        return place

    @property
    def number(self) -> int:
        """The number from which the page goes on; 0 for the first. Raises `Problem`."""
        if self._cursor is None:
            return 0
        place = _place(self._cursor)
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < 2**63:
            raise Problem(400, "invalid_cursor", "this cursor did not come from here")
        return place


ThePaging = Annotated[Paging, Depends()]


def etag(revision: int) -> str:
    """Return the entity tag of a revision."""
    return f'"{revision}"'


def with_etag(response: Response, revision: int) -> None:
    """Put the revision into the answer's head."""
    response.headers["ETag"] = etag(revision)


def expected_revision(
    if_match: Annotated[
        str | None, Header(description="The `ETag` of what was read, or `*` for whatever is there.")
    ] = None,
) -> int | None:
    """Return the revision that the caller has read; None for `*`. Raises `Problem`."""
    if if_match is None:
        raise Problem(428, "if_match_required", "read the object first, and send its ETag as If-Match")
    if if_match.strip() == "*":
        return None
    tag = if_match.strip().removeprefix("W/").strip('"')
    if not (tag.isascii() and tag.isdigit() and len(tag) < 19):
        raise Problem(412, "changed_meanwhile", "this is no ETag of this object")
    return int(tag)


ExpectedRevision = Annotated[int | None, Depends(expected_revision)]
