"""What all builders of runtime values need: the document, the environment, and a place for problems."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from shared.config.document import Document
from shared.config.problems import Problems, Where
from shared.config.secrets import GivenSecret, UnusableSecret, resolved
from shared.model.setting import Settings

Model = TypeVar("Model", bound=Settings)


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of one build."""

    document: Document
    environ: Mapping[str, str]
    problems: Problems
    _authorities: dict[FilePath, str | None] = field(default_factory=dict)

    def validated(self, model: type[Model], table: Mapping[str, Any], where: Where) -> Model | None:
        """The table as `model`, after noting what is wrong with it.

        Wrong keys are left out, so that the others can be judged further. None where that leaves too little.
        """
        try:
            return model.model_validate(table)
        except ValidationError as error:
            self.problems.add_invalid(where, model, error)
            wrong = {details["loc"][0] for details in error.errors(include_url=False)}
        try:
            return model.model_validate({key: value for key, value in table.items() if key not in wrong})
        except ValidationError:
            return None

    def secret(self, settings: Settings, key: str, where: Where) -> SecretStr | None:
        """The secret called `key` ; None where there is none, or after its problem was noted."""
        file = getattr(settings, key + "_file")
        given = GivenSecret(
            key,
            getattr(settings, key) if key in settings.model_fields_set else None,
            self.document.resolved(file) if file is not None else None,
            getattr(settings, key + "_env"),
        )
        try:
            return resolved(given, self.environ)
        except UnusableSecret as problem:
            self.problems.add(where((problem.key,)), str(problem))
            return None

    def authority(self, written: str | None, where: Where) -> str | None:
        """The absolute path of a `ca_file`, after a look whether it holds certificates."""
        if written is None:
            return None
        path = self.document.resolved(written)
        if path not in self._authorities:
            self._authorities[path] = _problem_with_authority(path)
        if problem := self._authorities[path]:
            self.problems.add(where(("ca_file",)), f'"ca_file": {path} {problem}')
        return str(path)


def _problem_with_authority(path: FilePath) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=str(path))
    except ssl.SSLError:
        return "holds no certificates in PEM form"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None
