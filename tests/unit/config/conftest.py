from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.certificates import make_certificate
from tests.fakes.configuration import ConfigurationFile


@pytest.fixture
def file(tmp_path: Path) -> ConfigurationFile:
    return ConfigurationFile(tmp_path)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """An authority's certificate beside the configuration."""
    return make_certificate(tmp_path).certificate
