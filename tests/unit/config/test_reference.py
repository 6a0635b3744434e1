from __future__ import annotations

from pathlib import Path

import pytest

from shared.config.reference import reference
from shared.config.settings import ARRAYS, SECTIONS
from shared.model.setting import facts, former_names
from tests.fakes.command import REPOSITORY
from tests.fakes.configuration import ConfigurationFile

PAGE = REPOSITORY / "docs" / "reference" / "configuration.md"
MODELS = {**SECTIONS, **ARRAYS}


KEYS = [(section, key) for section, model in MODELS.items() for key in model.model_fields]


def test_the_reference_page_is_that_of_the_settings() -> None:
    assert PAGE.read_text() == reference(), "run `make reference`"


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_setting_says_what_it_means(section: str, key: str) -> None:
    meaning = MODELS[section].model_fields[key].description or ""
    assert meaning[0].isupper() or meaning[0] == "`"
    assert meaning.endswith(".")


def test_a_key_that_was_renamed_is_refused_by_its_new_name(file: ConfigurationFile) -> None:
    assert file.problems('[fetcher]\nprocess_bytes = "1MiB"') == [
        'mailferry.toml:2: [fetcher]: "process_bytes" is called "memory_limit" now'
    ]


def test_a_former_name_is_not_the_name_of_another_key() -> None:
    for model in MODELS.values():
        assert former_names(model).keys().isdisjoint(model.model_fields)
        assert model.removed_keys.keys().isdisjoint(model.model_fields)


def test_every_number_with_a_unit_is_written_with_it() -> None:
    text = PAGE.read_text()
    for section, key in KEYS:
        if facts(MODELS[section].model_fields[key]).get("unit"):
            row = next(line for line in text.splitlines() if line.startswith(f"| `{key}` |"))
            assert "duration" in row or "size" in row


def test_the_page_is_found_from_the_documentation() -> None:
    index = Path(REPOSITORY / "docs" / "README.md").read_text()
    assert "reference/configuration.md" in index
