"""The application: the API and the console, their errors, and the guard around everything."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.control.console import provider_sign_ins
from services.control.console.errors import answer_page_error
from services.control.console.mounting import add_console
from services.control.guard import Guard
from services.control.problems import Problem, ProblemBody, answer_error
from services.control.resources import (
    audit,
    broker,
    connecting,
    erasures,
    events,
    hosts,
    imports,
    login_tests,
    mails,
    members,
    oauth,
    own,
    pauses,
    registry,
    service,
    signing_in,
    tokens,
    usage,
    webhooks,
)
from services.control.state import Control
from shared.model.errors import MailferryError

PREFIX = "/api/v1"
DESCRIPTION = "Everything that operators, tenants and their programs may do. See docs/api.md."


def build_app(control: Control) -> FastAPI:
    """Return the application on these operations."""
    app = api_routes()
    app.state.control = control
    app.include_router(provider_sign_ins.routes)
    for error in (Problem, MailferryError, RequestValidationError, HTTPException):
        app.add_exception_handler(error, _answer)
    add_console(app)
    app.add_middleware(Guard, settings=control.settings)
    return app


def api_routes() -> FastAPI:
    """Return the routes of the API, which can be described and not yet asked."""
    app = _Api(
        title="Mailferry",
        version="1",
        description=DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name.replace(" ", "_"),
        strict_content_type=True,
    )
    resources = (
        signing_in,
        members,
        tokens,
        audit,
        own,
        mails,
        service,
        pauses,
        events,
        webhooks,
        hosts,
        broker,
        oauth,
        login_tests,
        connecting,
        imports,
        erasures,
        usage,
    )
    for router in (registry.router(), *(each.api for each in resources)):
        app.include_router(router, prefix=PREFIX)
    return app


async def _answer(request: Request, error: Exception) -> Response:
    """Answer an error to programs as a problem, and to people as a page."""
    is_api = request.url.path.startswith(PREFIX + "/")
    return await (answer_error if is_api else answer_page_error)(request, error)


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the description of all routes, with how errors look and how callers prove who they are."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        schema = super().openapi()
        components = schema.setdefault("components", {})
        shapes = components.setdefault("schemas", {})
        problem = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        shapes.update(problem.pop("$defs"))
        shapes["ProblemBody"] = problem
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
        return schema
