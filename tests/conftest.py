"""What is true of every test: one thread, the order, what the site's build has just proved, second implementations."""

from __future__ import annotations

import os

# Before torch is loaded. Several processes with several threads each fight for the cores: measured four times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests.support import oracles

__all__ = ["oracles"]

pytest_plugins = ["tests.support.proved"]
SLOWEST = ["test_build.py", "test_every_page.py", "test_optimizers.py", "test_copying.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first, for a file is one worker's."""
    items.sort(key=lambda item: SLOWEST.index(item.path.name) if item.path.name in SLOWEST else len(SLOWEST))
