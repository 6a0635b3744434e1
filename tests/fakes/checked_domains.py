"""Record which domains the router checks: that is slow for international ones."""

from __future__ import annotations

import pytest

from shared.model.address import normal_domain


def checked_domains(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each checked domain is added from now on."""
    checked: list[str] = []

    def record(text: str) -> str:
        checked.append(text)
        return normal_domain(text)

    monkeypatch.setattr("services.router.header.addresses.normal_domain", record)
    return checked
