"""What is true of every test: one thread, order, random numbers, what the build has proved, second implementations."""

from __future__ import annotations

import os

# Before torch is loaded. Several processes with several threads each fight for the cores: measured four times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.support import oracles

__all__ = ["oracles"]

pytest_plugins = ["tests.support.proved", "tests.support.order", "tests.support.seeded"]
