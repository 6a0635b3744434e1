"""What requests about mails ask for, and pages of mails.

Annotations are evaluated here: FastAPI makes parameters of them.
"""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field

from services.control.problems import FieldProblem, Problem
from services.control.resources.shapes import Mail, ParkedRecipient, Shape
from shared.model.address import DefectiveAddress, parse_address
from shared.model.message import MessageStatus
from shared.operations.parked_bulk import BulkResult
from shared.ports.store import MailQuery, ParkedPlace, ParkedQuery, Scope

ACCOUNT = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}/[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$"
TENANT = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$"
LONGEST_TEXT = 998
"""Octets of the longest line of a mail, and so of the longest header field that is not folded."""

AccountName = Annotated[
    str | None, Query(pattern=ACCOUNT, description="TENANT/NAME of an account.", examples=["acme/info"])
]
InTenant = Annotated[str | None, Query(pattern=TENANT, description="Of one tenant.", examples=["acme"])]
Since = Annotated[AwareDatetime | None, Query(description="Not before this moment.")]
Until = Annotated[AwareDatetime | None, Query(description="Before this moment.")]


class AskedMails:
    """Which mails are asked for."""

    def __init__(  # noqa: PLR0913, PLR0917 - each is a parameter of the request
        self,
        q: Annotated[
            str | None,
            Query(
                min_length=1,
                max_length=LONGEST_TEXT,
                description="An id, a Message-ID, a UID, or a recipient's address.",
                examples=["info@acme.example"],
            ),
        ] = None,
        account: AccountName = None,
        tenant: InTenant = None,
        status: Annotated[list[MessageStatus] | None, Query(description="How far they have come.")] = None,
        sender: Annotated[
            str | None, Query(alias="from", max_length=LONGEST_TEXT, description="The reverse-path.")
        ] = None,
        recipient: Annotated[
            str | None, Query(alias="to", max_length=LONGEST_TEXT, description="A recipient's address.")
        ] = None,
        message_id: Annotated[str | None, Query(max_length=LONGEST_TEXT)] = None,
        since: Since = None,
        until: Until = None,
    ) -> None:
        self.query = MailQuery(
            _scope(tenant, account),
            tuple(status or ()),
            sender or "",
            recipient or "",
            message_id or "",
            _seconds(since),
            _seconds(until),
            text=(q or "").strip(),
        )


class AskedParked:
    """Which parked recipients are asked for."""

    def __init__(
        self,
        account: AccountName = None,
        tenant: InTenant = None,
        target: Annotated[str | None, Query(max_length=200, description="The target's id.")] = None,
        code: Annotated[
            str | None, Query(max_length=20, description="How the target's answer begins.", examples=["550"])
        ] = None,
        recipient: Annotated[str | None, Query(alias="to", max_length=LONGEST_TEXT)] = None,
        since: Since = None,
        until: Until = None,
    ) -> None:
        self.query = ParkedQuery(
            _scope(tenant, account),
            target or "",
            code or "",
            recipient or "",
            _seconds(since),
            _seconds(until),
        )


class BulkChoice(Shape):
    """Which parked recipients something is decided about: those that match all that is given.

    At least one field has to be given, or `all`. `dry_run` only counts.
    """

    account: Annotated[str | None, Field(pattern=ACCOUNT, examples=["acme/info"])] = None
    tenant: Annotated[str | None, Field(pattern=TENANT)] = None
    target: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    code: Annotated[str | None, Field(min_length=1, max_length=20, examples=["550"])] = None
    to: Annotated[str | None, Field(min_length=1, max_length=LONGEST_TEXT)] = None
    parked_since: AwareDatetime | None = None
    parked_until: AwareDatetime | None = None
    all: bool = False
    dry_run: bool = False

    @property
    def query(self) -> ParkedQuery:
        """The query. Raises `Problem` where nothing narrows it."""
        query = ParkedQuery(
            _scope(self.tenant, self.account),
            self.target or "",
            self.code or "",
            self.to or "",
            _seconds(self.parked_since),
            _seconds(self.parked_until),
        )
        if query == ParkedQuery() and not self.all:
            detail = 'say which: give a field to match, or "all"'
            raise Problem(422, "invalid_input", detail, [FieldProblem(field="all", detail=detail)])
        return query


class BulkRetry(BulkChoice):
    """A retry in bulk, perhaps to another address."""

    destination: Annotated[str | None, Field(max_length=320)] = None

    @property
    def address(self) -> str | None:
        """The other address, normalised. Raises `Problem`."""
        if self.destination is None:
            return None
        try:
            return str(parse_address(self.destination))
        except DefectiveAddress as defect:
            field = FieldProblem(field="destination", detail=str(defect))
            raise Problem(422, "invalid_input", "this is no address", [field]) from defect


class Unchanged(BaseModel):
    """A recipient whose mail stays parked, and why."""

    mail: str
    address: str
    why: str


class ChangedRecipient(BaseModel):
    """A recipient whose mail was changed."""

    mail: str
    address: str


class BulkShape(BaseModel):
    """What came of a change in bulk. `more`: more matched than one request changes; send it again."""

    matched: int
    changed: list[ChangedRecipient]
    refused: list[Unchanged]
    more: bool


class MailPage(BaseModel):
    """Mails."""

    items: list[Mail]
    next: str | None


class ParkedPageShape(BaseModel):
    """Parked recipients, oldest first."""

    items: list[ParkedRecipient]
    next: str | None


def bulk_shape(matched: int, result: BulkResult) -> BulkShape:
    """Return the result for an answer."""
    return BulkShape(
        matched=matched,
        changed=[ChangedRecipient(mail=mail, address=address) for mail, address in result.changed],
        refused=[Unchanged(mail=each.mail, address=each.address, why=each.why) for each in result.refused],
        more=result.after is not None,
    )


def parked_cursor(place: ParkedPlace | None) -> str | None:
    """Return the place as the text of a cursor."""
    return None if place is None else json.dumps(place)


def parked_place(text: str) -> ParkedPlace | None:
    """Return the place of a cursor; None for the first page. Raises `Problem`."""
    if not text:
        return None
    try:
        place: Any = json.loads(text)
        at, message, address = place
        return ParkedPlace(float(at), str(message), str(address))
    except (ValueError, TypeError) as error:
        raise Problem(400, "invalid_cursor", "this cursor did not come from here") from error


def _scope(tenant: str | None, account: str | None) -> Scope:
    return Scope(tenant, () if account is None else (account,))


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
