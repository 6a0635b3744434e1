"""The settings of an object as a form, for each kind of object. What is saved is a change of the registry.

A change is refused where somebody else was faster: the form shows what was entered, to be saved again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Response
from pydantic import BaseModel

from services.control.console.forms import FormState, changed_keys, form_fields, given_values
from services.control.console.navigation import text
from services.control.console.view import View
from services.control.problems import Problem
from services.control.resources.registry import permitted
from shared.access.roles import OPERATOR_KEYS
from shared.model.spec import Kind, Manager
from shared.operations.objects import InvalidObject, Shown
from shared.ports.store import RevisionConflict

Groups = Sequence[tuple[str, Sequence[str]]]
AS_BEFORE = text("Nothing was changed.")
CHANGED_MEANWHILE = text(
    "Somebody else changed this meanwhile. What you see are your values; save again to put them in place of "
    "the others, or reload the page to see those."
)


@dataclass(frozen=True, slots=True)
class ObjectForm:
    """The form of a kind of object. `home` is the list of them; `added` and `saved` are told where the form
    returns to, with the object's name.
    """

    kind: Kind
    model: type[BaseModel]
    groups: Groups
    home: str
    title: str
    added: str
    saved: str

    def names(self, view: View, *, is_new: bool) -> list[str]:
        """The settings that the reader may enter; the name of an object cannot be changed."""
        names = [name for _, group in self.groups for name in group]
        if view.me.principal.tenant is not None:
            names = [name for name in names if name not in OPERATOR_KEYS | {"tenant", "tenants"}]
        return names if is_new else [name for name in names if name not in {"name", "tenant"}]

    def back(self, name: str) -> str:
        """Return the path of the page to which the form of an object returns."""
        return self.home

    def new(self, view: View, problems: Mapping[str, str] = {}, status: int = 200) -> Response:
        """Return the empty form of a new object."""
        given = given_values(view.form) if status != 200 else None
        return self._page(view, None, FormState({}, {}, problems, given), status=status)

    def shown(self, view: View, shown: Shown, problems: Mapping[str, str] = {}, **more: object) -> Response:
        """Return the form of an object."""
        status = int(str(more.get("status", 200)))
        names = self.names(view, is_new=False)
        fixed = frozenset(names) if shown.managed_by is Manager.FILE else frozenset[str]()
        given = given_values(view.form) if status != 200 else None
        state = FormState(shown.keys, shown.secrets, problems, given, fixed)
        return self._page(view, shown, state, status=status, problem=more.get("problem"))

    async def add(self, view: View, tenant: str | None) -> Response:
        """Add an object of the form; `tenant` is the one that it belongs to anyway."""
        keys = changed_keys(self.model, view.form, {}, self.names(view, is_new=True))
        if tenant is not None:
            keys["tenant"] = tenant
        given = {name: value for name, value in keys.items() if value is not None}
        try:
            added = await permitted(view.control, view.me).add(self.kind, given)
        except InvalidObject as refusal:
            return self.new(view, {each.key: each.sentence for each in refusal.found}, 422)
        return view.done(self.home, self.added, name=added.id)

    async def save(self, view: View, shown: Shown) -> Response:
        """Save what was changed."""
        revision = str(view.form.get("revision", ""))
        if not revision.isdecimal() or len(revision) > 18:
            raise Problem(
                422, "invalid_input", "the form does not say which version of the settings it is for"
            )
        changes = changed_keys(self.model, view.form, shown.keys, self.names(view, is_new=False))
        if not changes:
            return view.done(self.back(shown.id), AS_BEFORE)
        try:
            await permitted(view.control, view.me).change(self.kind, shown.id, changes, int(revision))
        except InvalidObject as refusal:
            return self.shown(view, shown, {each.key: each.sentence for each in refusal.found}, status=422)
        except RevisionConflict:
            return self.shown(view, shown, status=412, problem=CHANGED_MEANWHILE)
        return view.done(self.back(shown.id), self.saved, name=shown.id)

    def _page(
        self, view: View, shown: Shown | None, state: FormState, *, status: int, problem: object = None
    ) -> Response:
        names = self.names(view, is_new=shown is None)
        fields = {each.name: each for each in form_fields(self.model, names, state, view.reader)}
        groups = [(title, [fields[name] for name in group if name in fields]) for title, group in self.groups]
        return view.page(
            "object_form.html",
            status,
            form=self,
            back=self.home if shown is None else self.back(shown.id),
            shown=shown,
            groups=[(title, group) for title, group in groups if group],
            problem=problem,
            problems=[sentence for key, sentence in state.problems.items() if key not in fields],
            is_fixed=bool(state.fixed),
        )
