"""Keys, and values of keys, that are for accounts of one protocol only.

Each setting says so itself (`shared.model.setting.only_for`). In [defaults] such a key is meant for the other
accounts and is left out; an account that has it itself is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from shared.config.settings import AccountSettings
from shared.model.setting import facts


def unfit_keys(protocol: str) -> Iterator[str]:
    """Yield the keys that an account of this protocol cannot have, whatever their values."""
    for key, only in _restrictions(protocol):
        if not only["values"]:
            yield key


def without_unfit(keys: Mapping[str, Any], protocol: str) -> dict[str, Any]:
    """Return the keys, without those and without values that are not for this protocol.

    A list that would be empty is left as it is: it would mean something else.
    """
    fit = dict(keys)
    for key, only in _restrictions(protocol):
        if key not in keys:
            continue
        value = keys[key]
        if isinstance(value, list) and only["values"]:
            fit[key] = [each for each in value if each not in only["values"]] or value
        elif not only["values"] or value in only["values"]:
            del fit[key]
    return fit


def unfit_sentences(keys: Mapping[str, Any], protocol: str) -> Iterator[tuple[str, str]]:
    """Yield each of the keys that is not for this protocol, and a sentence on what to do."""
    for key, only in _restrictions(protocol):
        if key not in keys:
            continue
        written = keys[key] if isinstance(keys[key], list) else [keys[key]]
        unfit = [f'"{value}" is' for value in only["values"] if value in written]
        if unfit or not only["values"]:
            what = "".join(f" {each}" for each in unfit)
            yield key, f'"{key}":{what} only for {only["protocol"].upper()}, as {only["why"]}; remove it'


@cache
def _restrictions(protocol: str) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Return the keys that are, or have values, for another protocol only."""
    restricted = ((key, facts(field).get("only")) for key, field in AccountSettings.model_fields.items())
    return tuple((key, only) for key, only in restricted if only and only["protocol"] != protocol)
