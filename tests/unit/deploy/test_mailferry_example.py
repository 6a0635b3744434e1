from __future__ import annotations

from pathlib import Path

import pytest

from shared.config import load
from shared.model.errors import ConfigurationError

EXAMPLE = Path(__file__).parents[3] / "deploy" / "mailferry.example.toml"


def test_nothing_is_wrong_with_the_example_but_that_its_password_files_are_not_on_this_machine() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load(EXAMPLE, {}, lambda: "mx.example")
    assert refusal.value.problems
    for problem in refusal.value.problems:
        assert '"password_file": /etc/mailferry/' in problem
        assert problem.endswith("cannot be read: No such file or directory")
