"""Every page of the console with 100,000 accounts and 1,000,000 mails: how long its answer takes, over HTTP.

One person, an operator, is signed in and asks for one page after the other, each time of another account,
tenant or mail. What the process keeps for some seconds is forgotten before each round, as each change of an
account does; so the figures are those of a page that is made anew.
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from random import Random

from rich.console import Console
from rich.table import Table

from bench.ferry import BenchError
from bench.filling import SEED
from bench.large import Large, tenant_name
from bench.registry import Place, run
from bench.result import Result
from bench.serving import served
from tests.servers.ports import LOOPBACK

GOAL = 200.0
"""Milliseconds that are the aim for the 95th percentile of each page."""
ROUNDS = 20
PERSON, PASSWORD = "bench", "four words for a bench"
MAIL = re.compile(r'href="(/messages/[0-9A-Za-z]+)"')
PARKED = re.compile(r'href="(/parked/[0-9A-Za-z]+)"')
NEXT = re.compile(r'href="([^"]*cursor=[^"]*)"')
CSRF = re.compile(r'name="csrf" value="([^"]+)"')

Paths = Mapping[str, Callable[[], str]]


class Browser:
    """Somebody who is signed in, over one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
        self._head = {"Accept-Language": "en"}
        form = {"name": PERSON, "password": PASSWORD, "code": "", "next": "/"}
        status, _, cookie = self._ask("POST", "/sign-in", form)
        if status != 303:
            raise BenchError(f"nobody can sign in: {status}")
        self._head["Cookie"] = cookie.partition(";")[0]

    def page(self, path: str) -> str:
        """Return a page. Raises `BenchError` where it is not shown."""
        status, text, _ = self._ask("GET", path)
        if status != 200:
            raise BenchError(f"{path}: {status}")
        return text

    def send(self, path: str, form: Mapping[str, str]) -> None:
        """Send a form. Raises `BenchError` where it is refused."""
        status, text, _ = self._ask("POST", path, form)
        if status != 303:
            raise BenchError(f"{path}: {status} {text[:500]}")

    def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        head = dict(self._head)
        if form is not None:
            head["Content-Type"] = "application/x-www-form-urlencoded"
        body = None if form is None else urllib.parse.urlencode(form)
        self._connection.request(method, path, body, head)
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("Set-Cookie") or ""


def console_pages(places: Sequence[Place], large: Large, console: Console) -> dict[str, Result]:
    """Measure the pages on each database, and print the table. The databases are filled already."""
    results: dict[str, Result] = {}
    columns: list[Mapping[str, tuple[float, float]]] = []
    table = Table(title="milliseconds of a page: median and 95th percentile")
    table.add_column("")
    for place in places:
        column, result = measure_pages(place, large)
        columns.append(column)
        results[f"console {place.name}"] = result
        table.add_column(place.name, justify="right")
    for name in columns[0]:
        table.add_row(name, *("{:.0f}  {:.0f}".format(*column[name]) for column in columns))
    console.print(table)
    return results


def measure_pages(place: Place, large: Large) -> tuple[Mapping[str, tuple[float, float]], Result]:
    """Return the median and the 95th percentile of each page, in milliseconds."""
    password = place.home / "password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    config = str(place.home / "large.toml")
    run(place, "user", "add", PERSON, "--role", "operator", "--password-file", str(password), "-c", config)
    taken: dict[str, list[float]] = {}
    with served(place, config) as serving:
        browser = Browser(serving.port)
        paths = _paths(browser, large, Random(SEED))
        for each in paths.values():
            browser.page(each())
        begun = time.perf_counter()
        for number in range(ROUNDS):
            _change(browser, large, number)
            for name, path in paths.items():
                wanted, asked = path(), time.perf_counter()
                browser.page(wanted)
                taken.setdefault(name, []).append(1000 * (time.perf_counter() - asked))
        seconds = time.perf_counter() - begun
        cpu, peak = serving.cpu(), serving.peak()
    found = {name: _percentiles(each) for name, each in taken.items()}
    slow = {name: high for name, (_, high) in found.items() if high >= GOAL}
    worst = max(found, key=lambda name: found[name][1])
    note = f"the slowest page at the 95th percentile: {worst}, {found[worst][1]:.0f} ms; "
    note += f"{len(slow)} of {len(found)} pages miss {GOAL:.0f} ms"
    pages = ROUNDS * len(found)
    return found, Result(
        f"console, {place.name}", pages, seconds, cpu={"control": cpu}, peak={"control": peak}, note=note
    )


def _change(browser: Browser, large: Large, number: int) -> None:
    """Pause an account."""
    account = large.owner(number)[0]
    csrf = CSRF.search(browser.page("/accounts"))
    assert csrf is not None, "the page has forms"
    browser.send("/accounts/pause", {"account": account, "csrf": csrf[1]})


def _percentiles(taken: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(taken)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 95 // 100 - 1]


def _paths(browser: Browser, large: Large, random: Random) -> Paths:
    """The pages, by name; each asks for something else with each call."""

    def number() -> int:
        return random.randrange(large.mails)

    def account() -> str:
        return large.owner(number())[0]

    def tenant() -> str:
        return tenant_name(random.randrange(1, large.tenants))

    def found(path: str, what: re.Pattern[str]) -> Callable[[], str]:
        links = what.findall(browser.page(path)) or [path]
        return lambda: random.choice(links).replace("&amp;", "&")

    first = tenant_name(0)
    return {
        "overview": lambda: "/",
        "live": lambda: "/live",
        "live, a tenant": lambda: f"/live?tenant={tenant()}",
        "accounts": lambda: "/accounts",
        "accounts, second page": found("/accounts", NEXT),
        "accounts, green": lambda: "/accounts?light=green",
        "accounts, green, second page": found("/accounts?light=green", NEXT),
        "accounts, yellow": lambda: "/accounts?light=yellow",
        "accounts of a large tenant": lambda: f"/accounts?tenant={first}",
        "accounts of a small tenant": lambda: f"/accounts?tenant={tenant()}",
        "accounts, search, one": lambda: f"/accounts?q={account().partition('/')[2]}",
        "accounts, search, many": lambda: f"/accounts?q={random.randrange(10)}",
        "accounts, search, none": lambda: f"/accounts?q=nobody{random.randrange(10**6)}",
        "account": lambda: f"/accounts/{account()}",
        "account, settings": lambda: f"/accounts/{account()}/settings",
        "new account": lambda: "/new-account",
        "mails": lambda: "/messages",
        "mails, second page": found("/messages", NEXT),
        "mails, by recipient": lambda: f"/messages?q={large.owner(number())[1]}",
        "mails, by Message-ID": lambda: f"/messages?q=%3Cbench.{number():010}%40sender.example%3E",
        "mails of an account": lambda: f"/messages?account={account()}",
        "mails of a small tenant": lambda: f"/messages?tenant={tenant()}",
        "mails of a large tenant": lambda: f"/messages?tenant={first}",
        "mails, by recipient, of a tenant": lambda: (
            f"/messages?q={large.owner(number())[1]}&tenant={tenant()}"
        ),
        "mails, by a sender of none": lambda: f"/messages?sender=nobody{random.randrange(10**6)}@here.test",
        "mails on their way": lambda: "/messages?state=underway",
        "mails that are lost": lambda: "/messages?state=again",
        "mail": found("/messages", MAIL),
        "lost": lambda: "/lost",
        "parked": lambda: "/parked",
        "parked, second page": found("/parked", NEXT),
        "parked of a tenant": lambda: f"/parked?tenant={tenant()}",
        "parked of an account": lambda: f"/parked?account={account()}",
        "parked, by code": lambda: "/parked?code=451",
        "parked mail": found("/parked", PARKED),
        "targets": lambda: "/targets",
        "target, settings": lambda: "/targets/settings?name=sink",
        "tenants": lambda: "/tenants",
        "tenants, second page": found("/tenants", NEXT),
        "tenant, settings": lambda: f"/tenants/settings?name={tenant()}",
        "people": lambda: "/people",
        "tokens": lambda: "/tokens",
        "OAuth apps": lambda: "/oauth-apps",
        "webhooks": lambda: "/webhooks",
        "usage": lambda: "/usage",
        "usage, a year": lambda: "/usage?days=365",
        "usage of a tenant": lambda: f"/usage?tenant={tenant()}",
        "service": lambda: "/service",
        "audit": lambda: "/audit",
        "audit, second page": found("/audit", NEXT),
        "me": lambda: "/me",
    }
