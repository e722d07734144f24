"""The slowest files first: with pytest-xdist a file is one worker's, and the last one would keep the others waiting.

Not a part of ``conftest.py``, which every claim's key covers: the order cannot change a verdict.
"""

from __future__ import annotations

import pytest

SLOWEST = [
    *("test_every_page.py", "test_build.py", "test_networks.py", "test_delivery.py", "test_browse.py"),
    *("test_optimizers.py", "test_reading.py", "test_search.py", "test_explorer.py", "test_front_door.py"),
    *("test_calls.py", "test_catalog.py", "test_walls.py", "test_copying.py"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As they were measured on two cores; the others as they come."""
    items.sort(key=lambda item: SLOWEST.index(item.path.name) if item.path.name in SLOWEST else len(SLOWEST))
