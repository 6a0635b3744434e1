"""Tells which domains the router looks at closely, which is dear where they are international."""

from __future__ import annotations

import pytest

from shared.model.address import normal_domain


def checked_domains(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list to which each of them is added from now on."""
    checked: list[str] = []

    def told(text: str) -> str:
        checked.append(text)
        return normal_domain(text)

    monkeypatch.setattr("services.router.header.addresses.normal_domain", told)
    return checked
