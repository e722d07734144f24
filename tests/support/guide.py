"""The catalogue of this checkout, read once in each process of the tests."""

from __future__ import annotations

from functools import cache

import pytest

from scripts.sources.catalog import Catalog, load

__all__ = ["catalog", "guide"]


@cache
def guide() -> Catalog:
    """What the guide holds; for tests that ask before there are fixtures."""
    return load()


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """What the guide holds."""
    return guide()
