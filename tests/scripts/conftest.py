"""Fixtures of the build's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.small_guide import plant


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    """The sources of a small guide."""
    return plant(tmp_path)
