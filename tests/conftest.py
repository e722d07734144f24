"""The order of the tests."""

from __future__ import annotations

import pytest

SLOWEST = ["test_every_page.py", "test_copying.py", "test_build.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first: a file is one worker's, and the others would wait for what begins last."""
    items.sort(key=lambda item: SLOWEST.index(item.path.name) if item.path.name in SLOWEST else len(SLOWEST))
