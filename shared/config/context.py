"""What the builders of all parts of the configuration share."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from shared.config.document import Document, home_hint
from shared.config.problems import PathOf, Problems
from shared.config.secrets import GivenSecret, UnusableSecret, read_secret
from shared.config.toml_lines import KeyPath
from shared.model.setting import Settings

Model = TypeVar("Model", bound=Settings)


@dataclass(frozen=True, slots=True)
class Context:
    """The document, the environment, and the problems that were found in them."""

    document: Document
    environ: Mapping[str, str]
    problems: Problems
    _ca_files: dict[Path, str | None] = field(default_factory=dict)

    def validate(self, model: type[Model], table: Mapping[str, Any], path_of: PathOf) -> Model | None:
        """Return the table as `model`, and add a problem for each wrong key.

        Wrong keys are left out, so that the others can be checked further. None if too few are left.
        """
        try:
            return model.model_validate(table)
        except ValidationError as error:
            self.problems.add_invalid(path_of, model, error)
            wrong = {details["loc"][0] for details in error.errors(include_url=False)}
        try:
            return model.model_validate({key: value for key, value in table.items() if key not in wrong})
        except ValidationError:
            return None

    def items(
        self, array: str, model: type[Model], tables: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[Model, Mapping[str, Any], PathOf]]:
        """Yield each valid table of `array`: as `model`, as it is written, and where its keys are.

        Add a problem for each wrong key.
        """
        for index, table in enumerate(tables):

            def path_of(key: KeyPath, at: KeyPath = (array, index)) -> KeyPath:
                return at + key

            settings = self.validate(model, table, path_of)
            if settings is not None:
                yield settings, table, path_of

    def secret(self, settings: Settings, key: str, path_of: PathOf) -> SecretStr | None:
        """Return the secret called `key`; None if there is none, or after adding its problem."""
        file = getattr(settings, key + "_file")
        given = GivenSecret(
            key,
            getattr(settings, key) if key in settings.model_fields_set else None,
            self.document.absolute_path(file) if file is not None else None,
            getattr(settings, key + "_env"),
        )
        try:
            return read_secret(given, self.environ)
        except UnusableSecret as problem:
            self.problems.add_problem(path_of((problem.key,)), str(problem))
            return None

    def ca_file(self, written: str | None, path_of: PathOf) -> str | None:
        """Return the absolute path of a `ca_file`. Add a problem if it holds no certificates."""
        if written is None:
            return None
        path = self.document.absolute_path(written)
        if path not in self._ca_files:
            self._ca_files[path] = _problem_with_ca_file(path)
        if problem := self._ca_files[path]:
            self.problems.add_problem(path_of(("ca_file",)), f'"ca_file": {path} {problem}')
        return str(path)


def _problem_with_ca_file(path: Path) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=str(path))
    except ssl.SSLError:
        return "holds no certificates in PEM form"
    except OSError as error:
        return f"cannot be read: {error.strerror}{home_hint(path)}"
    return None
