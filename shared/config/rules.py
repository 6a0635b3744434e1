"""[[targets.rules]]: what is to be done about a target's refusals, each rule with `code` and `action`."""

from __future__ import annotations

from collections.abc import Mapping

from shared.model.errors import quoted
from shared.model.refusal import Action, CodePattern, RefusalRule

KEYS = ("code", "action")
ACTIONS = ", ".join(f'"{action}"' for action in Action)


def refusal_rules(value: object) -> tuple[RefusalRule, ...]:
    """The rules in their order. Raises ValueError, naming the rule by its place, counted from 1."""
    if not isinstance(value, list) or not all(isinstance(table, Mapping) for table in value):
        raise ValueError('expected tables, each beginning with [[targets.rules]], with "code" and "action"')
    read = []
    for place, table in enumerate(value, 1):
        try:
            read.append(_rule(table))
        except ValueError as error:
            raise ValueError(f"rule {place}: {error}") from None
    return tuple(read)


def _rule(table: Mapping[str, object]) -> RefusalRule:
    for key in table:
        if key not in KEYS:
            raise ValueError(f'unknown key "{quoted(str(key))}"; there are "code" and "action"')
    code, action = (table.get(key) for key in KEYS)
    pattern = CodePattern.parse(code if isinstance(code, str) else "")
    if action not in {each.value for each in Action}:
        raise ValueError(f'"action": expected one of {ACTIONS}')
    return RefusalRule(pattern, Action(action))
