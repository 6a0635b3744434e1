"""The routes' own class: a POST with an `Idempotency-Key` is carried out once, and texts are clean."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from typing_extensions import override

from services.control.callers import caller_of, control_of
from services.control.problems import Problem, answer_of, problem_of
from shared.ports.store import Answer, Repetition

KEY_HEADER = "Idempotency-Key"
LONGEST_KEY = 255
SHOWN_ONCE = b'"secret":'
"""How an answer with a new secret is known: no other shape has this field."""
REPLAYED = ("content-type", "etag", "location")
Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    """A route of the API."""

    @override
    def get_route_handler(self) -> Handle:
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            body = await request.body()
            _check_text(body)
            key = request.headers.get(KEY_HEADER)
            if request.method != "POST" or key is None:
                return await handle(request)
            return await _once(request, key, body, handle)

        return checked


def _check_text(body: bytes) -> None:
    """Refuse what neither database can hold: NUL, and halves of characters."""
    lower = body.lower()
    if b"\\ud" not in lower and b"\\u0000" not in lower:
        return
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
        clean = "\\u0000" not in text
        text.encode()
    except ValueError:
        clean = False
    if not clean:
        raise Problem(422, "invalid_input", "a text has a NUL or a half of a surrogate pair")


async def _once(request: Request, key: str, body: bytes, handle: Handle) -> Response:
    """Answer a request with a key, from memory if it was carried out before."""
    if not key or len(key) > LONGEST_KEY or not key.isascii():
        raise Problem(400, "bad_idempotency_key", f"{KEY_HEADER} has 1 to {LONGEST_KEY} ASCII characters")
    owner = (await caller_of(request)).principal.id
    context = control_of(request).context
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + body
    digest = hashlib.sha256(asked).hexdigest()
    known = await context.access.begin_request(owner, key, digest, context.clock.now())
    if known.repetition is Repetition.OTHER:
        raise Problem(422, "idempotency_key_reused", f"this {KEY_HEADER} was used for another request")
    if known.repetition is Repetition.RUNNING:
        raise Problem(
            409, "still_running", "the first request is still being carried out", headers={"Retry-After": "1"}
        )
    if known.answer is not None:
        replayed = {**known.answer.headers, "Idempotency-Replayed": "true"}
        return Response(known.answer.body, known.answer.status, replayed)
    return await _remembered(request, owner, key, handle)


async def _remembered(request: Request, owner: str, key: str, handle: Handle) -> Response:
    """Carry the request out and remember its answer. What may go well next time is not remembered."""
    access = control_of(request).context.access
    final: Answer | None = None
    try:
        try:
            response = await handle(request)
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            response = answer_of(problem)
        if response.status_code < 500 and response.status_code != 429:
            final = _kept(response)
        return response
    finally:
        await access.end_request(owner, key, final)


def _kept(response: Response) -> Answer:
    """What is kept of an answer: all of it, but for a secret, which is nowhere stored in clear."""
    if SHOWN_ONCE in bytes(response.body):
        detail = "the first request was carried out, and its answer had a secret that is shown once"
        response = answer_of(Problem(409, "shown_once", detail))
    kept = {name: response.headers[name] for name in REPLAYED if name in response.headers}
    return Answer(response.status_code, kept, bytes(response.body))
