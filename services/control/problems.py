"""Errors as `application/problem+json` (RFC 9457), each with a code that stays the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.access.passwords import PasswordUnusable
from shared.model.errors import ConfigurationError, MailferryError
from shared.operations.connecting import ConnectRefused, LinkExhausted
from shared.operations.erasure import AddressUnusable
from shared.operations.imports import ImportsExhausted
from shared.operations.mail_search import MailUnknown
from shared.operations.oauth_apps import AppExists, AppInFile, AppInUse, AppUnknown
from shared.operations.objects import (
    AccountsExhausted,
    AlreadyThere,
    InUse,
    InvalidObject,
    ManagedByFile,
    NotThere,
)
from shared.operations.oidc import OidcRefused
from shared.operations.parked import NotParked, RawMailMissing, RecipientUnknown
from shared.operations.people import (
    CodeNeeded,
    CodesNotBegun,
    CodeWrong,
    GrantRefused,
    LinkUnusable,
    PasswordWrong,
    SessionUnknown,
    SignInRefused,
    TokenUnknown,
    TooManyTries,
    UserConflict,
    UserExists,
    UserUnknown,
)
from shared.operations.permitting import NotPermitted, NotVisible
from shared.operations.webhooks import WebhookConflict, WebhookUnknown
from shared.operations.webhooks.sending import UrlUnusable
from shared.ports.store import RevisionConflict, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
NO_SUCH_THING = "there is no such thing, or you may not know of it"


class FieldProblem(BaseModel):
    """What is wrong with one field of the input."""

    field: str
    detail: str


class ProblemBody(BaseModel):
    """An error (RFC 9457). Programs decide by `code`; `detail` is for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] | None = None


class Problem(Exception):
    """A request is not carried out."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})


class Kind(NamedTuple):
    """How errors of a class are answered."""

    status: int
    code: str


KINDS: Mapping[type[MailferryError], Kind] = {
    NotThere: Kind(404, "not_found"),
    NotVisible: Kind(404, "not_found"),
    NotPermitted: Kind(403, "not_permitted"),
    ConnectRefused: Kind(409, "cannot_connect"),
    LinkExhausted: Kind(409, "link_exhausted"),
    UserUnknown: Kind(404, "not_found"),
    TokenUnknown: Kind(404, "not_found"),
    MailUnknown: Kind(404, "not_found"),
    RawMailMissing: Kind(409, "no_copy_held"),
    NotParked: Kind(409, "not_parked"),
    RecipientUnknown: Kind(409, "recipient_unknown"),
    WebhookUnknown: Kind(404, "not_found"),
    WebhookConflict: Kind(412, "changed_meanwhile"),
    AddressUnusable: Kind(422, "invalid_input"),
    UrlUnusable: Kind(422, "invalid_input"),
    AlreadyThere: Kind(409, "already_exists"),
    UserExists: Kind(409, "already_exists"),
    ManagedByFile: Kind(409, "managed_by_file"),
    InUse: Kind(409, "in_use"),
    AccountsExhausted: Kind(409, "limit_reached"),
    RevisionConflict: Kind(412, "changed_meanwhile"),
    UserConflict: Kind(412, "changed_meanwhile"),
    AppUnknown: Kind(404, "not_found"),
    AppExists: Kind(409, "already_exists"),
    AppInFile: Kind(409, "managed_by_file"),
    AppInUse: Kind(409, "in_use"),
    InvalidObject: Kind(422, "invalid_settings"),
    ConfigurationError: Kind(422, "invalid_settings"),
    PasswordUnusable: Kind(422, "invalid_input"),
    GrantRefused: Kind(403, "grant_refused"),
    SignInRefused: Kind(401, "sign_in_refused"),
    OidcRefused: Kind(403, "sign_in_refused"),
    CodeNeeded: Kind(401, "code_needed"),
    CodeWrong: Kind(403, "code_wrong"),
    CodesNotBegun: Kind(409, "codes_not_begun"),
    PasswordWrong: Kind(403, "password_wrong"),
    SessionUnknown: Kind(404, "not_found"),
    LinkUnusable: Kind(401, "link_unusable"),
    TooManyTries: Kind(429, "too_many_tries"),
    ImportsExhausted: Kind(409, "limit_reached"),
    StoreUnavailable: Kind(503, "store_unavailable"),
}
TITLES: Mapping[int, str] = {
    400: "The request cannot be understood",
    401: "Sign in first",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    408: "The request took too long",
    409: "The state does not allow it",
    412: "Changed meanwhile",
    413: "The request is too large",
    422: "The input cannot be used",
    428: "If-Match is required",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available for now",
}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}
RETRY_AFTER = {"Retry-After": "5"}


def problem_of(error: Exception) -> Problem | None:
    """Return the problem that an error is; None for a defect of ours."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid_input(error)
    if isinstance(error, HTTPException):
        code = _HTTP_CODES.get(error.status_code, "refused")
        detail = NO_SUCH_THING if error.status_code == 404 else str(error.detail)
        return Problem(error.status_code, code, detail, headers=error.headers)
    return _of_operation(error) if isinstance(error, MailferryError) else None


def answer_of(problem: Problem) -> Response:
    """Return a problem as an answer."""
    title = TITLES.get(problem.status, "Refused")
    body = ProblemBody(title=title, status=problem.status, code=problem.code, detail=problem.detail)
    body.errors = list(problem.errors) or None
    return JSONResponse(
        body.model_dump(exclude_none=True), problem.status, problem.headers, media_type=MEDIA_TYPE
    )


async def answer_error(_request: Request, error: Exception) -> Response:
    """Answer an error that a route raised."""
    problem = problem_of(error)
    if problem is None:
        raise error
    return answer_of(problem)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of these answers."""
    return {
        status: {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        }
        for status in sorted(statuses)
    }


def _of_operation(error: MailferryError) -> Problem:
    kind = next((KINDS[each] for each in type(error).__mro__ if each in KINDS), None)
    if kind is None:
        kind = Kind(503, "unavailable") if error.temporary else Kind(409, "refused")
    errors: list[FieldProblem] = []
    if isinstance(error, InvalidObject):
        errors = [FieldProblem(field=each.key, detail=each.sentence) for each in error.found]
    headers = RETRY_AFTER if kind.status == 503 else {}
    if isinstance(error, TooManyTries):
        headers = {"Retry-After": str(max(1, round(error.seconds)))}
    detail = NO_SUCH_THING if kind.status == 404 else str(error)
    return Problem(kind.status, kind.code, detail, errors, headers)


def _invalid_input(error: RequestValidationError) -> Problem:
    """The values themselves are not repeated: they may be secrets."""
    errors = [
        FieldProblem(field=".".join(str(part) for part in each["loc"][1:]), detail=str(each["msg"]))
        for each in error.errors()
    ]
    return Problem(422, "invalid_input", "the input cannot be used; `errors` says why", errors)
