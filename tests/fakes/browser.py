"""A reader of the console without a browser: keeps cookies, follows redirects, reads pages, sends forms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from bs4 import BeautifulSoup, Tag

from services.control.sessions import COOKIE
from shared.access import Role
from shared.operations.people import NewUser, Users
from tests.fakes.api import Api

PEOPLE = {
    "otto": NewUser("otto", Role.OPERATOR),
    "anna": NewUser("anna", Role.ADMIN, "acme"),
    "sam": NewUser("sam", Role.SUPPORT, "acme"),
    "gus": NewUser("gus", Role.SUPPORT),
    "olga": NewUser("olga", Role.OWNER, "acme", frozenset({"acme/info"})),
    "arno": NewUser("arno", Role.AUDITOR, "acme"),
    "fred": NewUser("fred", Role.ADMIN, "other"),
}
"""A person of each role; fred is of the other tenant."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was answered, after redirects."""

    status: int
    path: str
    html: BeautifulSoup
    response: httpx2.Response

    @property
    def text(self) -> str:
        """What a reader sees, with single spaces."""
        body = self.html.body
        return " ".join((body or self.html).get_text(" ").split())

    def one(self, selector: str) -> Tag:
        """Return the only element of a CSS selector."""
        found = self.html.select(selector)
        assert len(found) == 1, f"{len(found)} of {selector} at {self.path}"
        return found[0]

    def texts(self, selector: str) -> list[str]:
        """Return the texts of the elements of a CSS selector."""
        return [" ".join(each.get_text(" ").split()) for each in self.html.select(selector)]


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads the console."""

    client: httpx2.AsyncClient

    async def open(self, path: str, **headers: str) -> Page:
        """Open a page."""
        return await self._follow(
            await self.client.get(path, headers={k.replace("_", "-"): text for k, text in headers.items()})
        )

    async def send(
        self, page: Page, selector: str, *, action: str | None = None, **values: str | list[str]
    ) -> Page:
        """Send a form of a page with its hidden fields and presets, and these values in place of them.

        `action` is that of a button which has its own.
        """
        form = page.one(selector)
        form = form if form.name == "form" else form.find_parent("form") or form
        sent: dict[str, str | list[str]] = {**fields_of(form), **values}
        path = action or str(form.get("action") or page.path)
        if str(form.get("method", "get")).lower() == "get":
            return await self._follow(await self.client.get(path, params=sent))
        return await self._follow(await self.client.post(path, data=sent))

    async def _follow(self, response: httpx2.Response) -> Page:
        for _ in range(5):
            if response.status_code not in {302, 303}:
                break
            response = await self.client.get(response.headers["Location"])
        html = BeautifulSoup(response.text, "html.parser")
        return Page(response.status_code, response.url.raw_path.decode(), html, response)


def fields_of(form: Tag) -> dict[str, str | list[str]]:
    """Return the fields of a form as a browser would send them."""
    fields: dict[str, str | list[str]] = {}
    for each in form.select("input[name],textarea[name],select[name]"):
        if each.has_attr("disabled") or (each.get("type") == "checkbox" and not each.has_attr("checked")):
            continue
        value = each.get("value", "")
        if each.name == "textarea":
            value = each.get_text()
        elif each.name == "select":
            chosen = each.select_one("option[selected]") or each.select_one("option")
            value = "" if chosen is None else chosen.get("value", "")
        name = str(each["name"])
        there = fields.get(name)
        if there is None:
            fields[name] = str(value)
        else:
            fields[name] = [*([there] if isinstance(there, str) else there), str(value)]
    return fields


@asynccontextmanager
async def open_reader(api: Api, name: str | None = None, **headers: str) -> AsyncIterator[Reader]:
    """Return a reader of the console; with `name`, one who is signed in, by a link: that takes no hashing."""
    transport = httpx2.ASGITransport(api.app, client=("192.0.2.7", 4321))
    head = {"Accept-Language": "en", **headers}
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://api.example", headers=head
    ) as client:
        if name is not None:
            if await api.control.context.access.user(name) is None:
                await Users(api.control.context).add(PEOPLE[name])
            sign_ins = api.control.sign_ins
            session = await sign_ins.sign_in_by_link(await sign_ins.link(name))
            client.cookies.set(COOKIE, session.secret, domain="api.example")
        yield Reader(client)
