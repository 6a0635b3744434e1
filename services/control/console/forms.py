"""Fields of forms, made from the definitions of the settings: label, help, example, unit and kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from services.control.console.navigation import text
from services.control.console.reader import Reader
from shared.config.toml_values import toml_value
from shared.model.setting import facts

SEE_DOCS = re.compile(r" See `docs/[^`]*`\.")
"""The forms show no pages of the documentation: these are not on the reader's machine."""
BETWEEN = " = "
FEWEST_ROWS, MOST_ROWS = 2, 8
ACRONYMS = {"tls": "TLS", "oauth": "OAuth", "srs": "SRS", "url": "URL", "ca": "CA", "dsn": "DSN"}
LABELS = {"auth": "Login methods", "dedup": "Same mails", "poll": "Time between visits", "url": "URL"}
"""Labels of settings whose names are terse."""
THERE = ".there"
"""What follows the name of a switch in the form: a browser does not send one that is off."""
PROTOCOL = text("Only for %(protocol)s.")
DEFAULT = text("Default: %(value)s.")
BY_DEFAULT = text("as by default (%(value)s)")
NEITHER = text("not set")


@dataclass(frozen=True, slots=True)
class FormField:
    """A field. `kind` is switch, choice, lines, secret, number or text.

    `set_at` tells of a secret when it was set, in seconds since the epoch. `problem` is why the input is
    refused.
    """

    name: str
    kind: str
    label: str
    help: str
    value: str = ""
    example: str = ""
    choices: Sequence[tuple[str, str]] = ()
    is_needed: bool = False
    is_fixed: bool = False
    set_at: float | None = None
    problem: str | None = None

    @property
    def rows(self) -> int:
        """Rows of a field with several lines."""
        return max(FEWEST_ROWS, min(MOST_ROWS, self.value.count("\n") + 2))


@dataclass(frozen=True, slots=True)
class FormState:
    """What fields show: `keys` of the object, when its `secrets` were set, and the `problems` of an input.

    `given` is an input that was refused, by name; it is shown again, but for secrets. What is `fixed` cannot
    be changed.
    """

    keys: Mapping[str, Any]
    secrets: Mapping[str, float]
    problems: Mapping[str, str]
    given: Mapping[str, str] | None = None
    fixed: frozenset[str] = frozenset()


def label_of(name: str) -> str:
    """Return the label of a setting, a text of the catalogue."""
    if name in LABELS:
        return LABELS[name]
    words = [ACRONYMS.get(each, each) for each in name.split("_")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


def help_of(field: FieldInfo) -> str:
    """Return the meaning of a setting, a text of the catalogue."""
    return SEE_DOCS.sub("", field.description or "")


def form_fields(
    model: type[BaseModel], names: Iterable[str], state: FormState, reader: Reader
) -> list[FormField]:
    """Return the fields of these settings of a model."""
    return [_field(name, model.model_fields[name], state, reader) for name in names]


def changed_keys(
    model: type[BaseModel], form: Mapping[str, Any], keys: Mapping[str, Any], names: Iterable[str]
) -> dict[str, Any]:
    """Return what a form changes of an object with these `keys`: None for what is to be as by default.

    A secret that was left empty stays.
    """
    changes: dict[str, Any] = {}
    for name in names:
        field = model.model_fields[name]
        kind = kind_of(field)
        given = _given(name, kind, form)
        if given is None or (kind == "secret" and not given):
            continue
        if kind == "secret" or given != _present(keys, name, field, kind):
            changes[name] = _read(given, kind)
    return changes


def given_values(form: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of a form by name."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


def kind_of(field: FieldInfo) -> str:
    """Return the kind of a field from the type of its setting."""
    types = [*_types(field.annotation)]
    if SecretStr in types:
        return "secret"
    if bool in types:
        return "switch"
    if [*_choices(types)]:
        return "choice"
    if any(get_origin(each) in {tuple, list, dict, frozenset} for each in types):
        return "lines"
    return "number" if int in types and not facts(field).get("unit") else "text"


def _field(name: str, field: FieldInfo, state: FormState, reader: Reader) -> FormField:
    kind = kind_of(field)
    value = "" if kind == "secret" else _present(state.keys, name, field, kind)
    if state.given is not None and kind != "secret":
        value = _given(name, kind, state.given) or ""
    default = _default(field)
    example = facts(field).get("example")
    return FormField(
        name,
        kind,
        reader.text(label_of(name)),
        _help(field, kind, default, reader),
        value,
        "" if example is None or kind in {"switch", "choice"} else _written(example, field),
        _shown_choices(field, default, reader) if kind == "choice" else (),
        field.is_required(),
        name in state.fixed,
        state.secrets.get(name),
        state.problems.get(name),
    )


def _present(keys: Mapping[str, Any], name: str, field: FieldInfo, kind: str) -> str:
    """The text of a field for what an object has; a switch that was never set is as by default."""
    return _written(keys.get(name), field) or (_default(field) if kind == "switch" else "")


def _help(field: FieldInfo, kind: str, default: str, reader: Reader) -> str:
    known = facts(field)
    parts = [reader.text(help_of(field))]
    if form := known.get("form"):
        parts.append(f"({reader.text(form).replace('`', '')})")
    if "only" in known and not known["only"]["values"]:
        parts.append(reader.text(PROTOCOL, protocol=known["only"]["protocol"].upper()))
    if default and kind not in {"switch", "choice"}:
        parts.append(reader.text(DEFAULT, value=default.replace("\n", ", ")))
    return " ".join(parts).replace("`", "")


def _given(name: str, kind: str, form: Mapping[str, Any]) -> str | None:
    """The text of a field in a form; None where the form does not have it."""
    if kind == "switch":
        if name + THERE not in form:
            return None
        return "true" if form.get(name) == "true" else "false"
    value = form.get(name)
    if not isinstance(value, str):
        return None
    return value if kind == "secret" else value.replace("\r\n", "\n").strip()


def _read(given: str, kind: str) -> Any:
    """The value that a text stands for, as it is written in a file."""
    if not given:
        return None
    if kind == "switch":
        return given == "true"
    if kind == "number":
        return int(given) if given.lstrip("-").isdecimal() else given
    if kind != "lines":
        return given
    lines = [line.strip() for line in given.splitlines() if line.strip()]
    if lines and all("=" in line for line in lines):
        pairs = (line.partition("=") for line in lines)
        return {name.strip(): value.strip() for name, _, value in pairs}
    return lines


def _written(value: Any, field: FieldInfo) -> str:
    """A value as the text of its field: lists and tables have a line for each entry."""
    value = toml_value(value, field) if not isinstance(value, (str, list, dict)) else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "\n".join(f"{name}{BETWEEN}{each}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return "\n".join(str(each) for each in value)
    return str(value)


def _default(field: FieldInfo) -> str:
    if field.is_required() or isinstance(field.default, SecretStr):
        return ""
    return _written(toml_value(field.default, field), field)


def _shown_choices(field: FieldInfo, default: str, reader: Reader) -> list[tuple[str, str]]:
    empty = reader.text(BY_DEFAULT, value=default) if default else reader.text(NEITHER)
    return [("", empty), *((each, each) for each in _choices(_types(field.annotation)))]


def _types(annotation: Any) -> Iterator[Any]:
    """The types that a value may have, without what surrounds them."""
    if get_origin(annotation) is Annotated:
        yield from _types(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            yield from _types(each)
    else:
        yield annotation


def _choices(types: Iterable[Any]) -> Iterator[str]:
    found = [*types]
    if any(each is str or get_origin(each) in {tuple, dict} for each in found):
        return
    for each in found:
        if get_origin(each) is Literal:
            yield from (str(choice) for choice in get_args(each))
        elif isinstance(each, type) and issubclass(each, Enum):
            yield from (str(choice.value) for choice in each)
