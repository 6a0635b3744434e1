"""The reference page of the API, from its own description."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi.routing import APIRoute, iter_route_contexts

from services.control.app import PREFIX, api_routes
from services.control.callers import Needs

OPENING = f"""# API reference

<!-- Made by `make reference` from services/control/. Do not edit. -->

For those who write programs: every request below `{PREFIX}`, with the permission that it needs, its
parameters and what is sent. [api.md](../api.md) has roles, examples, errors and lists. A server gives the
same, with the shapes of all answers, at `{PREFIX}/openapi.json`.

Parameters in `{{}}` are parts of the path. `*` marks what has to be given.
"""
METHODS = ("get", "post", "put", "patch", "delete")
FOR_ALL = "–"
MOST_FIELDS = 12
"""Shapes with more are those of the configuration, which has a page of its own."""


def api_reference() -> str:
    """Return the page, in Markdown."""
    app = api_routes()
    described: Mapping[str, Any] = app.openapi()
    permissions = _permissions(app.routes)
    by_tag: dict[str, list[str]] = defaultdict(list)
    for path, methods in described["paths"].items():
        for method in METHODS:
            if method in methods:
                row = _row(described, path, method, methods[method], permissions)
                by_tag[methods[method]["tags"][0]].append(row)
    parts = [OPENING]
    for tag in sorted(by_tag):
        head = "| Request | Does | Permission | Takes |\n|---|---|---|---|\n"
        parts.append(f"\n## {tag.capitalize()}\n\n{head}" + "\n".join(by_tag[tag]) + "\n")
    return "".join(parts)


def _row(
    described: Mapping[str, Any], path: str, method: str, said: Mapping[str, Any], needed: Mapping[str, str]
) -> str:
    request = f"`{method.upper()} {path.removeprefix(PREFIX)}`"
    takes = ", ".join([*_parameters(said), *_fields(described, said)])
    does = _cell(said.get("description") or said["summary"].capitalize())
    permission = needed.get(f"{method.upper()} {path}", FOR_ALL)
    return f"| {request} | {does} | {permission} | {takes} |"


def _parameters(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield what may stand in the query."""
    for each in said.get("parameters", ()):
        if each["in"] == "query":
            yield f"`?{each['name']}`" + ("\\*" if each.get("required") else "")


def _fields(described: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields of the JSON that is sent."""
    content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    shape = _resolved(described, content.get("schema", {}))
    names = shape.get("properties", {})
    if len(names) > MOST_FIELDS:
        yield "its [settings](configuration.md)"
        return
    for name in names:
        yield f"`{name}`" + ("\\*" if name in shape.get("required", ()) else "")


def _resolved(described: Mapping[str, Any], shape: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = shape.get("$ref")
    if reference is None:
        return shape
    found: Mapping[str, Any] = described["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _permissions(routes: Any) -> dict[str, str]:
    """Return the permission that each request needs."""
    found = {}
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            needs = [each.call for each in route.dependant.dependencies if isinstance(each.call, Needs)]
            for method in route.methods or ():
                if needs:
                    found[f"{method} {context.path}"] = f"`{needs[0].permission}`"
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
