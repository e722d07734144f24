"""Each test starts from the same random numbers, whichever tests ran before it in its process.

A test that holds for most random numbers only would fail once in a while, in another order on another machine.
``TEST_SEED=1 make test ARGS=--fresh`` tries another draw: what then fails was luck, or needs a seed of its own.
"""

from __future__ import annotations

import os
import random
import sys

import pytest

SEED = int(os.environ.get("TEST_SEED", "0"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Before the test's fixtures; numpy and torch only where a test module has loaded them."""
    random.seed(SEED)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(SEED)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(SEED)
