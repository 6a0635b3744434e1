"""The reference pages are those of the code, and have everything."""

from __future__ import annotations

import click
import pytest
from prometheus_client import CollectorRegistry

from services.cli.__main__ import main as mailferry
from services.cli.reference import command_reference
from shared.runtime.metrics import Metrics
from shared.runtime.metrics_reference import metrics_reference
from tests.fakes.command import REPOSITORY

PAGES = REPOSITORY / "docs" / "reference"


def test_the_command_reference_is_that_of_the_commands() -> None:
    assert (PAGES / "commands.md").read_text() == command_reference(mailferry), "run `make reference`"


def test_the_metrics_reference_is_that_of_the_metrics() -> None:
    assert (PAGES / "metrics.md").read_text() == metrics_reference(), "run `make reference`"


def test_every_own_metric_is_on_its_page() -> None:
    registry = CollectorRegistry()
    Metrics(registry, "0")
    page = metrics_reference()
    for family in registry.collect():
        assert (f"`{family.name}" in page) is family.name.startswith("mailferry_")


def test_text_that_markdown_would_read_as_markup_is_shown_as_it_is() -> None:
    @click.command("take")
    @click.option("--keep", help="Keep <this> | *that*, not `a_b*c`.")
    def take(keep: str) -> None:
        """Take snake_case and [brackets]."""

    page = command_reference(take)
    assert r"Keep \<this> \| \*that\*, not `a_b*c`." in page
    assert r"Take snake\_case and \[brackets]." in page


@pytest.mark.parametrize("name", ["once", "account add", "db upgrade"])
def test_a_command_is_found_by_its_heading(name: str) -> None:
    assert f"\n## mailferry {name}\n" in command_reference(mailferry)
